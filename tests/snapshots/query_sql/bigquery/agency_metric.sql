WITH _cte_parts AS (
SELECT country AS country, SUM(revenue) AS value__0, NULL AS value__1, MIN(IF(NOT revenue IS NULL, currency, NULL)) AS currency__min, MAX(IF(NOT revenue IS NULL, currency, NULL)) AS currency__max
FROM bosco_marts.orders
WHERE reporting_date BETWEEN @period_start AND @period_end AND (NOT order_status IN UNNEST(@only_0) OR order_status IS NULL)
GROUP BY 1
UNION ALL SELECT country AS country, NULL AS value__0, SUM(spend) AS value__1, MIN(IF(NOT spend IS NULL, currency, NULL)) AS currency__min, MAX(IF(NOT spend IS NULL, currency, NULL)) AS currency__max
FROM bosco_marts.ads_country_daily
WHERE reporting_date BETWEEN @period_start AND @period_end
GROUP BY 1),
_cte_values AS (
SELECT country, MAX(value__0) AS value__0, MAX(value__1) AS value__1, MIN(currency__min) AS currency__min, MAX(currency__max) AS currency__max
FROM _cte_parts
GROUP BY country),
_cte_metrics AS (
SELECT country, CAST(ROUND(CAST(IF(ABS(IF(COALESCE(CAST(value__0 AS FLOAT64) * CAST(CAST(@constant_1 AS NUMERIC(38, 9)) - CAST(@constant_2 AS NUMERIC(38, 9)) AS FLOAT64), CAST(value__1 AS FLOAT64)) IS NULL, NULL, COALESCE(CAST(value__0 AS FLOAT64) * CAST(CAST(@constant_1 AS NUMERIC(38, 9)) - CAST(@constant_2 AS NUMERIC(38, 9)) AS FLOAT64), 0) - COALESCE(CAST(value__1 AS FLOAT64), 0))) < 1e28, IF(COALESCE(CAST(value__0 AS FLOAT64) * CAST(CAST(@constant_1 AS NUMERIC(38, 9)) - CAST(@constant_2 AS NUMERIC(38, 9)) AS FLOAT64), CAST(value__1 AS FLOAT64)) IS NULL, NULL, COALESCE(CAST(value__0 AS FLOAT64) * CAST(CAST(@constant_1 AS NUMERIC(38, 9)) - CAST(@constant_2 AS NUMERIC(38, 9)) AS FLOAT64), 0) - COALESCE(CAST(value__1 AS FLOAT64), 0)), NULL) AS NUMERIC(38, 9)), 6) AS NUMERIC(38, 9)) AS margin, MIN(currency__min) OVER () AS currency__min, MAX(currency__max) OVER () AS currency__max
FROM _cte_values
WHERE NOT value__0 IS NULL OR NOT value__1 IS NULL) SELECT country, margin, currency__min, currency__max
FROM _cte_metrics
ORDER BY country ASC NULLS LAST
LIMIT @page_rows OFFSET @page_offset
