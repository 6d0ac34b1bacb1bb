WITH _cte_parts AS (
SELECT CAST(CAST(DATE_TRUNC('YEAR', reporting_date) AS DATE) AS DATE) AS date, NULLIF(COUNT(DISTINCT connection_id || ':' || customer_id), 0) AS value__0
FROM marts.orders
WHERE reporting_date BETWEEN $period_start AND $period_end
GROUP BY 1),
_cte_metrics AS (
SELECT date, value__0 AS buyers
FROM _cte_parts
WHERE NOT value__0 IS NULL) SELECT date, buyers
FROM _cte_metrics
ORDER BY date ASC
LIMIT $page_rows OFFSET $page_offset
