WITH _cte_parts AS (
SELECT SUM(spend) AS value__0, MIN(CASE WHEN NOT spend IS NULL THEN currency ELSE NULL END) AS currency__min, MAX(CASE WHEN NOT spend IS NULL THEN currency ELSE NULL END) AS currency__max
FROM marts.ads_country_daily
WHERE reporting_date BETWEEN $period_start AND $period_end AND BQ_IN(channel, $where_0) AND NOT BQ_IN(connection_id || ':' || campaign_id, $where_1) AND (NOT BQ_IN(country, $where_2) OR country IS NULL) AND region IS NULL),
_cte_metrics AS (
SELECT value__0 AS spend, MIN(currency__min) OVER () AS currency__min, MAX(currency__max) OVER () AS currency__max
FROM _cte_parts) SELECT spend, currency__min, currency__max
FROM _cte_metrics
LIMIT $page_rows OFFSET $page_offset
