WITH _cte_parts AS (
SELECT CAST(CAST(DATE_TRUNC(reporting_date, MONTH) AS DATE) AS DATE) AS date, SUM(spend) AS value__0, NULL AS value__0__base, MIN(IF(NOT spend IS NULL, currency, NULL)) AS currency__min, MAX(IF(NOT spend IS NULL, currency, NULL)) AS currency__max
FROM bosco_marts.ads_daily
WHERE reporting_date BETWEEN @period_start AND @period_end
GROUP BY 1
UNION ALL SELECT CAST(CAST(DATE_TRUNC(GREATEST(CAST(DATE_ADD(reporting_date, INTERVAL (@base_shift) MONTH) AS DATE), @period_start), MONTH) AS DATE) AS DATE) AS date, NULL AS value__0, SUM(spend) AS value__0__base, MIN(IF(NOT spend IS NULL, currency, NULL)) AS currency__min, MAX(IF(NOT spend IS NULL, currency, NULL)) AS currency__max
FROM bosco_marts.ads_daily
WHERE reporting_date BETWEEN @base_start AND @base_end
GROUP BY 1),
_cte_values AS (
SELECT date, MAX(value__0) AS value__0, MAX(value__0__base) AS value__0__base, MIN(currency__min) AS currency__min, MAX(currency__max) AS currency__max
FROM _cte_parts
GROUP BY date),
_cte_metrics AS (
SELECT date, value__0 AS spend, value__0__base AS spend__base, MIN(currency__min) OVER () AS currency__min, MAX(currency__max) OVER () AS currency__max
FROM _cte_values
WHERE NOT value__0 IS NULL OR NOT value__0__base IS NULL) SELECT date, spend, spend__base, currency__min, currency__max
FROM _cte_metrics
ORDER BY date ASC NULLS LAST
LIMIT @page_rows OFFSET @page_offset
