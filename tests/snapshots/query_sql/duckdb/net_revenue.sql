WITH _cte_parts AS (
SELECT reporting_date AS date, SUM(revenue) AS value__0, NULL AS value__1, MIN(CASE WHEN NOT revenue IS NULL THEN currency ELSE NULL END) AS currency__min, MAX(CASE WHEN NOT revenue IS NULL THEN currency ELSE NULL END) AS currency__max
FROM marts.orders
WHERE reporting_date BETWEEN $period_start AND $period_end
GROUP BY 1
UNION ALL SELECT reporting_date AS date, NULL AS value__0, SUM(refunded) AS value__1, MIN(CASE WHEN NOT refunded IS NULL THEN currency ELSE NULL END) AS currency__min, MAX(CASE WHEN NOT refunded IS NULL THEN currency ELSE NULL END) AS currency__max
FROM marts.refunds
WHERE reporting_date BETWEEN $period_start AND $period_end
GROUP BY 1),
_cte_values AS (
SELECT date, MAX(value__0) AS value__0, MAX(value__1) AS value__1, MIN(currency__min) AS currency__min, MAX(currency__max) AS currency__max
FROM _cte_parts
GROUP BY date),
_cte_metrics AS (
SELECT date, CASE WHEN COALESCE(value__0, value__1) IS NULL THEN NULL ELSE COALESCE(value__0, 0) - COALESCE(value__1, 0) END AS net_revenue, MIN(currency__min) OVER () AS currency__min, MAX(currency__max) OVER () AS currency__max
FROM _cte_values
WHERE NOT value__0 IS NULL OR NOT value__1 IS NULL) SELECT date, net_revenue, currency__min, currency__max
FROM _cte_metrics
ORDER BY date ASC
LIMIT $page_rows OFFSET $page_offset
