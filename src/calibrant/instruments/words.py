"""Which names and things do the generators fill their templates with?"""

from __future__ import annotations

PEOPLE = (
    "Ana", "Ben", "Carla", "David", "Elena", "Farid", "Grace", "Hugo", "Ines", "Jamal",
    "Kira", "Liam", "Maya", "Noor", "Omar", "Priya", "Quinn", "Rosa", "Samir", "Tessa",
    "Umar", "Vera", "Wei", "Yara", "Zoe",
)  # fmt: skip
GOODS = (
    "apples", "pens", "books", "candles", "stamps", "marbles", "lemons", "buttons", "cups",
    "tickets", "shells", "stickers", "bottles", "coins", "tiles", "ribbons",
)  # fmt: skip
HOLDERS = ("boxes", "bags", "crates", "trays", "packs", "baskets", "shelves", "drawers")
COLOURS = ("red", "blue", "green", "yellow", "white", "black", "orange", "purple")
CITIES = (
    "Oslo", "Lima", "Cairo", "Kyoto", "Porto", "Quito", "Riga", "Tunis", "Perth", "Delhi",
    "Accra", "Seoul",
)  # fmt: skip
JOBS = ("baker", "nurse", "pilot", "teacher", "farmer", "lawyer", "painter", "chemist")
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip
PLAIN_WORDS = (
    "anchor", "bridge", "candle", "desert", "engine", "forest", "garden", "harbor", "island",
    "jacket", "kettle", "ladder", "meadow", "needle", "orchard", "pepper", "quarry", "ribbon",
    "saddle", "tunnel", "umbrella", "velvet", "window", "yellow", "basket", "copper", "dragon",
    "feather", "glacier", "hammer", "insect", "jungle", "lantern", "marble", "nectar", "oyster",
    "pillow", "rocket", "silver", "temple", "valley", "walnut", "zipper", "blanket", "cabinet",
    "diamond", "elephant", "fountain", "horizon", "mountain",
)  # fmt: skip
