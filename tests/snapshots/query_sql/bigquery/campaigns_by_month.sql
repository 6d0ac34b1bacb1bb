WITH _cte_parts AS (
SELECT CAST(CAST(DATE_TRUNC(reporting_date, MONTH) AS DATE) AS DATE) AS date, connection_id || ':' || campaign_id AS campaign, MAX(CAST(reporting_date AS STRING) || campaign_name) AS campaign__label, SUM(spend) AS value__0, MIN(IF(NOT spend IS NULL, currency, NULL)) AS currency__min, MAX(IF(NOT spend IS NULL, currency, NULL)) AS currency__max
FROM bosco_marts.ads_daily
WHERE reporting_date BETWEEN @period_start AND @period_end
GROUP BY 1, 2),
_cte_metrics AS (
SELECT date, campaign, SUBSTRING(MAX(campaign__label) OVER (PARTITION BY campaign), 11) AS campaign__label, value__0 AS spend, MIN(currency__min) OVER () AS currency__min, MAX(currency__max) OVER () AS currency__max
FROM _cte_parts
WHERE NOT value__0 IS NULL) SELECT date, campaign, campaign__label, spend, currency__min, currency__max
FROM _cte_metrics
ORDER BY date ASC NULLS LAST, campaign ASC NULLS LAST
LIMIT @page_rows OFFSET @page_offset
