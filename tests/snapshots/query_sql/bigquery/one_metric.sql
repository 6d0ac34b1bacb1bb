WITH _cte_parts AS (
SELECT SUM(spend) AS value__0, MIN(IF(NOT spend IS NULL, currency, NULL)) AS currency__min, MAX(IF(NOT spend IS NULL, currency, NULL)) AS currency__max
FROM bosco_marts.ads_daily
WHERE reporting_date BETWEEN @period_start AND @period_end),
_cte_metrics AS (
SELECT value__0 AS spend, MIN(currency__min) OVER () AS currency__min, MAX(currency__max) OVER () AS currency__max
FROM _cte_parts) SELECT spend, currency__min, currency__max
FROM _cte_metrics
LIMIT @page_rows OFFSET @page_offset
