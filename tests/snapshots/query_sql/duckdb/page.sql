WITH _cte_parts AS (
SELECT channel AS channel, device AS device, SUM(spend) AS value__0, SUM(clicks) AS value__1, MIN(CASE WHEN NOT spend IS NULL THEN currency ELSE NULL END) AS currency__min, MAX(CASE WHEN NOT spend IS NULL THEN currency ELSE NULL END) AS currency__max
FROM marts.ads_daily
WHERE reporting_date BETWEEN $period_start AND $period_end
GROUP BY 1, 2),
_cte_metrics AS (
SELECT channel, device, value__0 AS spend, CAST(ROUND(CAST(CASE WHEN ABS(BQ_SAFE_DIVIDE(CAST(value__0 AS DOUBLE), CAST(value__1 AS DOUBLE))) < CAST('1e28' AS DOUBLE) THEN BQ_SAFE_DIVIDE(CAST(value__0 AS DOUBLE), CAST(value__1 AS DOUBLE)) ELSE NULL END AS DECIMAL(38, 9)), 6) AS DECIMAL(38, 9)) AS cpc, MIN(currency__min) OVER () AS currency__min, MAX(currency__max) OVER () AS currency__max
FROM _cte_parts
WHERE NOT value__0 IS NULL OR NOT value__1 IS NULL) SELECT channel, device, spend, currency__min, currency__max
FROM _cte_metrics
WHERE cpc > $having_0
ORDER BY spend DESC, channel ASC, device ASC
LIMIT $page_rows OFFSET $page_offset
