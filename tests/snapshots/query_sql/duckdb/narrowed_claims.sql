WITH _cte_parts AS (
SELECT SUM(attributed_revenue) AS value__0, SUM(CASE WHEN BQ_IN(device, $only_0) THEN attributed_revenue ELSE NULL END) AS value__1, SUM(spend) AS value__2, MIN(CASE WHEN NOT attributed_revenue IS NULL OR (NOT attributed_revenue IS NULL AND BQ_IN(device, $only_0)) OR NOT spend IS NULL THEN currency ELSE NULL END) AS currency__min, MAX(CASE WHEN NOT attributed_revenue IS NULL OR (NOT attributed_revenue IS NULL AND BQ_IN(device, $only_0)) OR NOT spend IS NULL THEN currency ELSE NULL END) AS currency__max, MIN(CASE WHEN NOT attributed_revenue IS NULL OR (NOT attributed_revenue IS NULL AND BQ_IN(device, $only_0)) THEN COALESCE(attribution, source || ':' || stream) ELSE NULL END) AS claim__0__min, MAX(CASE WHEN NOT attributed_revenue IS NULL OR (NOT attributed_revenue IS NULL AND BQ_IN(device, $only_0)) THEN COALESCE(attribution, source || ':' || stream) ELSE NULL END) AS claim__0__max
FROM marts.ads_daily
WHERE reporting_date BETWEEN $period_start AND $period_end),
_cte_metrics AS (
SELECT CASE WHEN claim__0__min < claim__0__max THEN NULL ELSE ROUND(BQ_SAFE_DIVIDE(CAST(CASE WHEN COALESCE(value__0, value__1) IS NULL THEN NULL ELSE COALESCE(value__0, 0) - COALESCE(value__1, 0) END AS DOUBLE), CAST(value__2 AS DOUBLE)), 12) END AS desktop_roas, MIN(currency__min) OVER () AS currency__min, MAX(currency__max) OVER () AS currency__max, MIN(CASE WHEN claim__0__min < claim__0__max THEN claim__0__min ELSE NULL END) OVER () AS claim__0__min, MAX(CASE WHEN claim__0__min < claim__0__max THEN claim__0__max ELSE NULL END) OVER () AS claim__0__max
FROM _cte_parts) SELECT desktop_roas, currency__min, currency__max, claim__0__min, claim__0__max
FROM _cte_metrics
LIMIT $page_rows OFFSET $page_offset
