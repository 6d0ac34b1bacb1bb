"""What the commands of stock Feast say in this folder.

    feast apply -> feature_store.yaml -> settings of the online store -> what to use instead, exit 1

A stock command knows no agency: it would read and delete across all of them, or write definitions
past the rules. Reading the settings of the store is the first thing that each of them does, before
it has opened anything; the few that do not (`version`, `init`, `dbt`, `mcp`) open no store either.
Feast puts the folder itself on its path: hence a module that is imported by its bare name and
imports nothing of ours.

Decision: ADR-0014.
"""

import sys
from collections.abc import Mapping
from typing import Any, Final

from feast.repo_config import FeastConfigBaseModel
from pydantic import model_validator

__all__ = ["BoscoOnlineStoreConfig"]

_REFRESH: Final = "features follow each publication; bosco features refresh AGENCY computes now"
_SERVE: Final = "bosco serve, and features in GraphQL or feature_repo.client"
_LIST: Final = "bosco features list, and featureCatalogue in GraphQL"
_HEALTH: Final = "bosco features health AGENCY, every morning by itself"
_DEPRECATE: Final = (
    "nothing is deleted for all agencies; bosco features deprecate ends one view of yours, "
    "and what is not refreshed expires by itself"
)
_ROLES: Final = (
    "roles of the agency decide who registers and reads (docs/features.md); "
    "the token says whose features it sees"
)
_INSTEAD: Final[Mapping[str, str]] = {
    "apply": "bosco features apply FILE registers a view of your agency; the platform's own are "
    "registered by the first publication after an upgrade",
    "plan": "bosco features plan FILE says what a view of your agency would change",
    "teardown": _DEPRECATE,
    "delete": _DEPRECATE,
    "materialize": _REFRESH,
    "materialize-incremental": _REFRESH,
    "get-historical-features": "feature_repo.client.connect and its get_historical_features",
    "get-online-features": "feature_repo.client.connect and its get_online_features",
    **dict.fromkeys(("serve", "serve_offline", "serve_registry", "listen"), _SERVE),
    **dict.fromkeys(("serve_transformations", "endpoint"), _SERVE),
    **dict.fromkeys(("ui", "registry-dump", "configuration", "serve_lineage"), _LIST),
    **dict.fromkeys(
        ("features", "feature-views", "feature-services", "on-demand-feature-views"), _LIST
    ),
    **dict.fromkeys(("data-sources", "entities", "projects"), _LIST),
    **dict.fromkeys(("validate", "validation-references", "monitor"), _HEALTH),
    "permissions": _ROLES,
}
_OTHERWISE: Final = "bosco features --help"


class BoscoOnlineStoreConfig(FeastConfigBaseModel):
    """Settings that nothing can be opened with."""

    type: str = "feast_commands.BoscoOnlineStore"

    @model_validator(mode="before")
    @classmethod
    def _refuse(cls, _: Any) -> Any:
        """End the command.

        Raises:
            SystemExit: Always.
        """
        words = [word for word in sys.argv[1:] if word in _INSTEAD]
        instead = _INSTEAD[words[0]] if words else _OTHERWISE
        raise SystemExit(
            "Stock Feast commands know no agency, so they do nothing here.\n"
            f"Use instead: {instead}\n"
            "Why, and Feast's API from Python: docs/features.md"
        )
