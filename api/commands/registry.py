"""All commands by name."""

from typing import Final

from api.commands import (
    alert_channels,
    alerts,
    apps,
    compare,
    connections,
    demo,
    doctor,
    feature_check,
    features,
    freshness,
    history,
    imports,
    incidents,
    metrics,
    night,
    quality,
    quarantine,
    query,
    sync,
    tenants,
    workers,
)
from api.control.execute import CommandRegistry
from api.runtime import Runtime

__all__ = ["COMMANDS"]

COMMANDS: Final = CommandRegistry[Runtime](
    {
        "alerts.channels.add": alert_channels.add_channel,
        "alerts.channels.list": alert_channels.list_channels,
        "alerts.channels.remove": alert_channels.remove_channel,
        "alerts.channels.test": alert_channels.try_channel,
        "alerts.list": alerts.list_alerts,
        "apps.add": apps.add_app,
        "apps.list": apps.list_apps,
        "clients.add": tenants.add_client,
        "clients.list": tenants.list_clients,
        "compare": compare.compare_systems,
        "connections.add": connections.add_connection,
        "connections.check": connections.check_connections,
        "connections.discover": connections.discover_accounts,
        "connections.list": connections.show_connections,
        "connections.pause": connections.pause_connections,
        "connections.resume": connections.resume_connections,
        "demo": demo.demo,
        "doctor": doctor.doctor,
        "features.check": feature_check.check_features,
        "features.list": features.list_features,
        "features.refresh": features.refresh_features,
        "features.show": features.show_features,
        "freshness": freshness.show_freshness,
        "history.import": history.import_history,
        "import": imports.import_file,
        "incidents.acknowledge": incidents.acknowledge_incident,
        "incidents.list": incidents.list_incidents,
        "incidents.resolve": incidents.resolve_incident,
        "incidents.show": incidents.show_incident,
        "metrics.define": metrics.define_metric,
        "metrics.explain": metrics.explain,
        "metrics.list": metrics.list_metrics,
        "metrics.retire": metrics.retire_metric,
        "night": night.show_night,
        "quality.checks": quality.list_checks,
        "quality.release": quality.release,
        "quarantine.list": quarantine.list_quarantine,
        "quarantine.show": quarantine.show_quarantined,
        "query": query.query,
        "sync": sync.sync,
        "tenants.add": tenants.add_tenant,
        "tenants.list": tenants.list_tenants,
        "workers.join": workers.join,
    }
)
