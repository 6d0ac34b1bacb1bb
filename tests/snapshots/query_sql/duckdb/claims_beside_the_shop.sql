WITH _cte_parts AS (
SELECT source AS source, SUM(revenue) AS value__0, NULL AS value__1, NULL AS value__2, MIN(CASE WHEN NOT revenue IS NULL THEN currency ELSE NULL END) AS currency__min, MAX(CASE WHEN NOT revenue IS NULL THEN currency ELSE NULL END) AS currency__max, NULL AS claim__0__min, NULL AS claim__0__max, NULL AS claim__1__min, NULL AS claim__1__max
FROM marts.orders
WHERE reporting_date BETWEEN $period_start AND $period_end
GROUP BY 1
UNION ALL SELECT source AS source, NULL AS value__0, SUM(attributed_revenue) AS value__1, NULL AS value__2, MIN(CASE WHEN NOT attributed_revenue IS NULL THEN currency ELSE NULL END) AS currency__min, MAX(CASE WHEN NOT attributed_revenue IS NULL THEN currency ELSE NULL END) AS currency__max, MIN(CASE WHEN NOT attributed_revenue IS NULL THEN COALESCE(attribution, source || ':' || stream) ELSE NULL END) AS claim__0__min, MAX(CASE WHEN NOT attributed_revenue IS NULL THEN COALESCE(attribution, source || ':' || stream) ELSE NULL END) AS claim__0__max, NULL AS claim__1__min, NULL AS claim__1__max
FROM marts.ads_daily
WHERE reporting_date BETWEEN $period_start AND $period_end
GROUP BY 1
UNION ALL SELECT source AS source, NULL AS value__0, NULL AS value__1, SUM(purchase_revenue) AS value__2, MIN(CASE WHEN NOT purchase_revenue IS NULL THEN currency ELSE NULL END) AS currency__min, MAX(CASE WHEN NOT purchase_revenue IS NULL THEN currency ELSE NULL END) AS currency__max, NULL AS claim__0__min, NULL AS claim__0__max, MIN(CASE WHEN NOT purchase_revenue IS NULL THEN COALESCE(attribution, source || ':' || stream) ELSE NULL END) AS claim__1__min, MAX(CASE WHEN NOT purchase_revenue IS NULL THEN COALESCE(attribution, source || ':' || stream) ELSE NULL END) AS claim__1__max
FROM marts.web_daily
WHERE reporting_date BETWEEN $period_start AND $period_end
GROUP BY 1),
_cte_values AS (
SELECT source, MAX(value__0) AS value__0, MAX(value__1) AS value__1, MAX(value__2) AS value__2, MIN(currency__min) AS currency__min, MAX(currency__max) AS currency__max, MIN(claim__0__min) AS claim__0__min, MAX(claim__0__max) AS claim__0__max, MIN(claim__1__min) AS claim__1__min, MAX(claim__1__max) AS claim__1__max
FROM _cte_parts
GROUP BY source),
_cte_metrics AS (
SELECT source, value__0 AS revenue, CASE WHEN claim__0__min < claim__0__max THEN NULL ELSE value__1 END AS attributed_revenue, CASE WHEN claim__1__min < claim__1__max THEN NULL ELSE value__2 END AS purchase_revenue, MIN(currency__min) OVER () AS currency__min, MAX(currency__max) OVER () AS currency__max, MIN(CASE WHEN claim__0__min < claim__0__max THEN claim__0__min ELSE NULL END) OVER () AS claim__0__min, MAX(CASE WHEN claim__0__min < claim__0__max THEN claim__0__max ELSE NULL END) OVER () AS claim__0__max, MIN(CASE WHEN claim__1__min < claim__1__max THEN claim__1__min ELSE NULL END) OVER () AS claim__1__min, MAX(CASE WHEN claim__1__min < claim__1__max THEN claim__1__max ELSE NULL END) OVER () AS claim__1__max
FROM _cte_values
WHERE NOT value__0 IS NULL OR NOT value__1 IS NULL OR NOT value__2 IS NULL) SELECT source, revenue, attributed_revenue, purchase_revenue, currency__min, currency__max, claim__0__min, claim__0__max, claim__1__min, claim__1__max
FROM _cte_metrics
ORDER BY source ASC
LIMIT $page_rows OFFSET $page_offset
