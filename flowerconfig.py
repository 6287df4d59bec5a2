"""What `celery -A config flower` reads when it starts here: its password, without which it shows all to anyone."""

from tornado.options import options

from config import env

try:
    _given = env.text("FLOWER_BASIC_AUTH")
except env.WrongSetting as error:
    raise SystemExit(f"flower: {error}") from None
if _given:
    basic_auth = [each.strip() for each in _given.split(",")]
elif not (options.basic_auth or options.auth):
    raise SystemExit(
        "flower: set FLOWER_BASIC_AUTH or FLOWER_BASIC_AUTH_FILE to user:password: it shows all to anyone else"
    )
if any(":" not in each or not all(each.split(":", 1)) for each in (basic_auth if _given else options.basic_auth)):
    raise SystemExit("flower: FLOWER_BASIC_AUTH is not user:password, or several of these with commas between")
