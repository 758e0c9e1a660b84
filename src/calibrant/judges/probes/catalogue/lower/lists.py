"""Which names, units and words may stand for one another, and make a true sentence false?"""

from __future__ import annotations

UNITS: dict[str, str] = {
    "km": "m",
    "m": "km",
    "cm": "m",
    "mm": "cm",
    "kg": "g",
    "g": "kg",
    "mg": "g",
    "miles": "inches",
    "feet": "miles",
    "inches": "feet",
    "kilometers": "meters",
    "kilometres": "metres",
    "meters": "kilometers",
    "metres": "kilometres",
    "kilograms": "grams",
    "grams": "kilograms",
    "pounds": "tons",
    "tons": "pounds",
    "seconds": "hours",
    "minutes": "days",
    "hours": "seconds",
    "days": "years",
    "weeks": "hours",
    "months": "minutes",
    "years": "days",
    "liters": "milliliters",
    "litres": "millilitres",
    "ml": "l",
    "million": "thousand",
    "billion": "thousand",
    "thousand": "billion",
    "%": " thousand",
    "percent": "thousand",
    "per cent": "thousand",
    "°C": "K",
    "°F": "K",
    "dollars": "cents",
    "cents": "dollars",
    "euros": "cents",
    "bytes": "gigabytes",
    "bits": "kilobytes",
    "volts": "millivolts",
    "watts": "megawatts",
}
"""A unit and another of the same sort in which the same number is a different quantity."""

MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

NUMBER_WORDS = (
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "twenty",
    "thirty",
    "forty",
    "fifty",
    "sixty",
    "seventy",
    "eighty",
    "ninety",
)

_SORTS = """\
Argentina Australia Austria Bangladesh Belgium Bolivia Brazil Canada Chile China Colombia Cuba
Denmark Egypt England Ethiopia Finland France Germany Ghana Greece Hungary Iceland India Indonesia
Iran Iraq Ireland Israel Italy Japan Kenya Malaysia Mexico Mongolia Morocco Nepal Netherlands
Nigeria Norway Pakistan Peru Poland Portugal Romania Russia Scotland Singapore Spain Sweden
Switzerland Thailand Turkey Ukraine Uruguay Venezuela Vietnam Zimbabwe

Amsterdam Athens Auckland Baghdad Bangkok Barcelona Beijing Berlin Bogotá Boston Brussels Budapest
Cairo Canberra Chicago Copenhagen Dakar Delhi Dublin Hamburg Hanoi Havana Helsinki Istanbul
Jakarta Johannesburg Karachi Kathmandu Kyiv Lagos Lima Lisbon London Madrid Manila Melbourne
Montreal Moscow Mumbai Munich Nairobi Osaka Oslo Ottawa Paris Prague Rome Santiago Seoul Shanghai
Stockholm Sydney Tehran Tokyo Toronto Vienna Warsaw Zurich

Mercury Venus Earth Mars Jupiter Saturn Uranus Neptune

Pacific Atlantic Arctic

Africa Asia Europe Antarctica

Amazon Danube Ganges Mississippi Nile Rhine Thames Volga Yangtze

Aristotle Bach Beethoven Bohr Chopin Copernicus Curie Darwin Descartes Einstein Euclid Euler
Faraday Fermi Galileo Gauss Goethe Hemingway Homer Kant Kepler Leibniz Michelangelo Mozart Newton
Orwell Pasteur Picasso Plato Rembrandt Schubert Shakespeare Socrates Tolstoy Turing Voltaire

aluminum argon calcium carbon chlorine copper gold helium hydrogen iodine iron lithium magnesium
mercury nickel nitrogen oxygen phosphorus platinum potassium silicon silver sodium sulfur tin
titanium uranium zinc

red orange yellow green blue purple black white brown pink

north south east west

English French German Spanish Italian Portuguese Russian Arabic Hindi Japanese

dog cat horse cow sheep whale dolphin elephant lion tiger eagle penguin shark frog snake spider
bee
"""

ENTITIES: tuple[tuple[str, ...], ...] = tuple(tuple(sort.split()) for sort in _SORTS.split("\n\n"))
"""Sorts of names; one of a sort put for another makes another claim."""
