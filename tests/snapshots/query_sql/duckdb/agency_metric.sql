WITH _cte_parts AS (
SELECT country AS country, SUM(revenue) AS value__0, NULL AS value__1, MIN(CASE WHEN NOT revenue IS NULL THEN currency ELSE NULL END) AS currency__min, MAX(CASE WHEN NOT revenue IS NULL THEN currency ELSE NULL END) AS currency__max
FROM marts.orders
WHERE reporting_date BETWEEN $period_start AND $period_end AND (NOT BQ_IN(order_status, $only_0) OR order_status IS NULL)
GROUP BY 1
UNION ALL SELECT country AS country, NULL AS value__0, SUM(spend) AS value__1, MIN(CASE WHEN NOT spend IS NULL THEN currency ELSE NULL END) AS currency__min, MAX(CASE WHEN NOT spend IS NULL THEN currency ELSE NULL END) AS currency__max
FROM marts.ads_country_daily
WHERE reporting_date BETWEEN $period_start AND $period_end
GROUP BY 1),
_cte_values AS (
SELECT country, MAX(value__0) AS value__0, MAX(value__1) AS value__1, MIN(currency__min) AS currency__min, MAX(currency__max) AS currency__max
FROM _cte_parts
GROUP BY country),
_cte_metrics AS (
SELECT country, CAST(ROUND(CAST(CASE WHEN ABS(CASE WHEN COALESCE(CAST(value__0 AS DOUBLE) * CAST(CAST($constant_1 AS DECIMAL(38, 9)) - CAST($constant_2 AS DECIMAL(38, 9)) AS DOUBLE), CAST(value__1 AS DOUBLE)) IS NULL THEN NULL ELSE COALESCE(CAST(value__0 AS DOUBLE) * CAST(CAST($constant_1 AS DECIMAL(38, 9)) - CAST($constant_2 AS DECIMAL(38, 9)) AS DOUBLE), 0) - COALESCE(CAST(value__1 AS DOUBLE), 0) END) < CAST('1e28' AS DOUBLE) THEN CASE WHEN COALESCE(CAST(value__0 AS DOUBLE) * CAST(CAST($constant_1 AS DECIMAL(38, 9)) - CAST($constant_2 AS DECIMAL(38, 9)) AS DOUBLE), CAST(value__1 AS DOUBLE)) IS NULL THEN NULL ELSE COALESCE(CAST(value__0 AS DOUBLE) * CAST(CAST($constant_1 AS DECIMAL(38, 9)) - CAST($constant_2 AS DECIMAL(38, 9)) AS DOUBLE), 0) - COALESCE(CAST(value__1 AS DOUBLE), 0) END ELSE NULL END AS DECIMAL(38, 9)), 6) AS DECIMAL(38, 9)) AS margin, MIN(currency__min) OVER () AS currency__min, MAX(currency__max) OVER () AS currency__max
FROM _cte_values
WHERE NOT value__0 IS NULL OR NOT value__1 IS NULL) SELECT country, margin, currency__min, currency__max
FROM _cte_metrics
ORDER BY country ASC
LIMIT $page_rows OFFSET $page_offset
