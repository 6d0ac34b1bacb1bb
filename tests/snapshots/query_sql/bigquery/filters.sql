WITH _cte_parts AS (
SELECT SUM(spend) AS value__0, MIN(IF(NOT spend IS NULL, currency, NULL)) AS currency__min, MAX(IF(NOT spend IS NULL, currency, NULL)) AS currency__max
FROM bosco_marts.ads_country_daily
WHERE reporting_date BETWEEN @period_start AND @period_end AND channel IN UNNEST(@where_0) AND NOT connection_id || ':' || campaign_id IN UNNEST(@where_1) AND (NOT country IN UNNEST(@where_2) OR country IS NULL) AND region IS NULL),
_cte_metrics AS (
SELECT value__0 AS spend, MIN(currency__min) OVER () AS currency__min, MAX(currency__max) OVER () AS currency__max
FROM _cte_parts) SELECT spend, currency__min, currency__max
FROM _cte_metrics
LIMIT @page_rows OFFSET @page_offset
