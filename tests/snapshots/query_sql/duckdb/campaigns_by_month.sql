WITH _cte_parts AS (
SELECT CAST(CAST(DATE_TRUNC('MONTH', reporting_date) AS DATE) AS DATE) AS date, connection_id || ':' || campaign_id AS campaign, MAX(CAST(reporting_date AS TEXT) || campaign_name) AS campaign__label, SUM(spend) AS value__0, MIN(CASE WHEN NOT spend IS NULL THEN currency ELSE NULL END) AS currency__min, MAX(CASE WHEN NOT spend IS NULL THEN currency ELSE NULL END) AS currency__max
FROM marts.ads_daily
WHERE reporting_date BETWEEN $period_start AND $period_end
GROUP BY 1, 2),
_cte_metrics AS (
SELECT date, campaign, SUBSTRING(MAX(campaign__label) OVER (PARTITION BY campaign), 11) AS campaign__label, value__0 AS spend, MIN(currency__min) OVER () AS currency__min, MAX(currency__max) OVER () AS currency__max
FROM _cte_parts
WHERE NOT value__0 IS NULL) SELECT date, campaign, campaign__label, spend, currency__min, currency__max
FROM _cte_metrics
ORDER BY date ASC, campaign ASC
LIMIT $page_rows OFFSET $page_offset
