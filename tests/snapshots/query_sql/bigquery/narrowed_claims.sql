WITH _cte_parts AS (
SELECT SUM(attributed_revenue) AS value__0, SUM(IF(device IN UNNEST(@only_0), attributed_revenue, NULL)) AS value__1, SUM(spend) AS value__2, MIN(IF(NOT attributed_revenue IS NULL OR (NOT attributed_revenue IS NULL AND device IN UNNEST(@only_0)) OR NOT spend IS NULL, currency, NULL)) AS currency__min, MAX(IF(NOT attributed_revenue IS NULL OR (NOT attributed_revenue IS NULL AND device IN UNNEST(@only_0)) OR NOT spend IS NULL, currency, NULL)) AS currency__max, MIN(IF(NOT attributed_revenue IS NULL OR (NOT attributed_revenue IS NULL AND device IN UNNEST(@only_0)), COALESCE(attribution, source || ':' || stream), NULL)) AS claim__0__min, MAX(IF(NOT attributed_revenue IS NULL OR (NOT attributed_revenue IS NULL AND device IN UNNEST(@only_0)), COALESCE(attribution, source || ':' || stream), NULL)) AS claim__0__max
FROM bosco_marts.ads_daily
WHERE reporting_date BETWEEN @period_start AND @period_end),
_cte_metrics AS (
SELECT IF(claim__0__min < claim__0__max, NULL, ROUND(SAFE_DIVIDE(CAST(CAST(IF(COALESCE(value__0, value__1) IS NULL, NULL, COALESCE(value__0, 0) - COALESCE(value__1, 0)) AS FLOAT64) AS FLOAT64), CAST(value__2 AS FLOAT64)), 12)) AS desktop_roas, MIN(currency__min) OVER () AS currency__min, MAX(currency__max) OVER () AS currency__max, MIN(IF(claim__0__min < claim__0__max, claim__0__min, NULL)) OVER () AS claim__0__min, MAX(IF(claim__0__min < claim__0__max, claim__0__max, NULL)) OVER () AS claim__0__max
FROM _cte_parts) SELECT desktop_roas, currency__min, currency__max, claim__0__min, claim__0__max
FROM _cte_metrics
LIMIT @page_rows OFFSET @page_offset
