import csv
import shutil

from django.conf import settings


def test_the_demo_orders_can_be_processed(root, process):
    shutil.copy(settings.BASE_DIR / "deploy/demo/orders.csv", root)
    with (root / "orders.csv").open() as file:
        expected = list(csv.DictReader(file))
    result = process(
        {
            "source": {"path": "orders.csv", "dtypes": {"ordered_at": "datetime"}},
            "steps": [
                {"op": "derive", "columns": {"month": "EXTRACT(month FROM ordered_at)"}},
                {"op": "aggregate", "by": ["month"], "metrics": {"orders": "count(*)"}},
                {"op": "sort", "by": ["month"]},
            ],
        }
    )
    assert len(expected) == 200
    assert {row["month"]: row["orders"] for row in result["rows"]} == {
        month: sum(int(row["ordered_at"][5:7]) == month for row in expected) for month in (1, 2, 3)
    }
