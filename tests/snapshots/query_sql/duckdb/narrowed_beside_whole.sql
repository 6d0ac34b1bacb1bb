WITH _cte_parts AS (
SELECT channel AS channel, SUM(CASE WHEN BQ_IN(device, $only_0) THEN spend ELSE NULL END) AS value__0, SUM(spend) AS value__1, MIN(CASE WHEN (NOT spend IS NULL AND BQ_IN(device, $only_0)) OR NOT spend IS NULL THEN currency ELSE NULL END) AS currency__min, MAX(CASE WHEN (NOT spend IS NULL AND BQ_IN(device, $only_0)) OR NOT spend IS NULL THEN currency ELSE NULL END) AS currency__max
FROM marts.ads_daily
WHERE reporting_date BETWEEN $period_start AND $period_end
GROUP BY 1),
_cte_metrics AS (
SELECT channel, ROUND(BQ_SAFE_DIVIDE(CAST(value__0 AS DOUBLE), CAST(value__1 AS DOUBLE)), 12) AS mobile_share, MIN(currency__min) OVER () AS currency__min, MAX(currency__max) OVER () AS currency__max
FROM _cte_parts
WHERE NOT value__0 IS NULL OR NOT value__1 IS NULL) SELECT channel, mobile_share, currency__min, currency__max
FROM _cte_metrics
ORDER BY channel ASC
LIMIT $page_rows OFFSET $page_offset
