WITH _cte_parts AS (
SELECT reporting_date AS date, SUM(revenue) AS value__0, NULL AS value__1, MIN(IF(NOT revenue IS NULL, currency, NULL)) AS currency__min, MAX(IF(NOT revenue IS NULL, currency, NULL)) AS currency__max
FROM bosco_marts.orders
WHERE reporting_date BETWEEN @period_start AND @period_end
GROUP BY 1
UNION ALL SELECT reporting_date AS date, NULL AS value__0, SUM(refunded) AS value__1, MIN(IF(NOT refunded IS NULL, currency, NULL)) AS currency__min, MAX(IF(NOT refunded IS NULL, currency, NULL)) AS currency__max
FROM bosco_marts.refunds
WHERE reporting_date BETWEEN @period_start AND @period_end
GROUP BY 1),
_cte_values AS (
SELECT date, MAX(value__0) AS value__0, MAX(value__1) AS value__1, MIN(currency__min) AS currency__min, MAX(currency__max) AS currency__max
FROM _cte_parts
GROUP BY date),
_cte_metrics AS (
SELECT date, IF(COALESCE(value__0, value__1) IS NULL, NULL, COALESCE(value__0, 0) - COALESCE(value__1, 0)) AS net_revenue, MIN(currency__min) OVER () AS currency__min, MAX(currency__max) OVER () AS currency__max
FROM _cte_values
WHERE NOT value__0 IS NULL OR NOT value__1 IS NULL) SELECT date, net_revenue, currency__min, currency__max
FROM _cte_metrics
ORDER BY date ASC NULLS LAST
LIMIT @page_rows OFFSET @page_offset
