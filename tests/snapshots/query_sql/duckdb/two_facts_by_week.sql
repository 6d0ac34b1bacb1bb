WITH _cte_parts AS (
SELECT CAST(CAST(DATE_TRUNC('WEEK', reporting_date) AS DATE) AS DATE) AS date, channel AS channel, SUM(revenue) AS value__0, NULL AS value__1, MIN(CASE WHEN NOT revenue IS NULL THEN currency ELSE NULL END) AS currency__min, MAX(CASE WHEN NOT revenue IS NULL THEN currency ELSE NULL END) AS currency__max
FROM marts.orders
WHERE reporting_date BETWEEN $period_start AND $period_end
GROUP BY 1, 2
UNION ALL SELECT CAST(CAST(DATE_TRUNC('WEEK', reporting_date) AS DATE) AS DATE) AS date, channel AS channel, NULL AS value__0, SUM(spend) AS value__1, MIN(CASE WHEN NOT spend IS NULL THEN currency ELSE NULL END) AS currency__min, MAX(CASE WHEN NOT spend IS NULL THEN currency ELSE NULL END) AS currency__max
FROM marts.ads_daily
WHERE reporting_date BETWEEN $period_start AND $period_end
GROUP BY 1, 2),
_cte_values AS (
SELECT date, channel, MAX(value__0) AS value__0, MAX(value__1) AS value__1, MIN(currency__min) AS currency__min, MAX(currency__max) AS currency__max
FROM _cte_parts
GROUP BY date, channel),
_cte_metrics AS (
SELECT date, channel, ROUND(BQ_SAFE_DIVIDE(CAST(value__0 AS DOUBLE), CAST(value__1 AS DOUBLE)), 12) AS roas, MIN(currency__min) OVER () AS currency__min, MAX(currency__max) OVER () AS currency__max
FROM _cte_values
WHERE NOT value__0 IS NULL OR NOT value__1 IS NULL) SELECT date, channel, roas, currency__min, currency__max
FROM _cte_metrics
ORDER BY date ASC, channel ASC
LIMIT $page_rows OFFSET $page_offset
