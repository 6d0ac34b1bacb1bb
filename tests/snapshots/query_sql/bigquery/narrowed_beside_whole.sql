WITH _cte_parts AS (
SELECT channel AS channel, SUM(IF(device IN UNNEST(@only_0), spend, NULL)) AS value__0, SUM(spend) AS value__1, MIN(IF((NOT spend IS NULL AND device IN UNNEST(@only_0)) OR NOT spend IS NULL, currency, NULL)) AS currency__min, MAX(IF((NOT spend IS NULL AND device IN UNNEST(@only_0)) OR NOT spend IS NULL, currency, NULL)) AS currency__max
FROM bosco_marts.ads_daily
WHERE reporting_date BETWEEN @period_start AND @period_end
GROUP BY 1),
_cte_metrics AS (
SELECT channel, ROUND(SAFE_DIVIDE(CAST(CAST(value__0 AS FLOAT64) AS FLOAT64), CAST(value__1 AS FLOAT64)), 12) AS mobile_share, MIN(currency__min) OVER () AS currency__min, MAX(currency__max) OVER () AS currency__max
FROM _cte_parts
WHERE NOT value__0 IS NULL OR NOT value__1 IS NULL) SELECT channel, mobile_share, currency__min, currency__max
FROM _cte_metrics
ORDER BY channel ASC NULLS LAST
LIMIT @page_rows OFFSET @page_offset
