"""Openings that every model has read, and made-up ones in their style: what a loss tells apart.

Public-domain texts; writes famous.jsonl: `python examples/contamination/famous.py`.
"""

import json
from pathlib import Path

OPENINGS = [
    ("It was the best of times, it was the worst of times, it was the age of wisdom, it was the age of foolishness, it was the epoch of belief, it was the epoch of incredulity",
     "It was the wettest of years, it was the driest of years, it was the season of ledgers, it was the season of kites, it was the month of locksmiths, it was the month of apology"),
    ("It is a truth universally acknowledged, that a single man in possession of a good fortune, must be in want of a wife.",
     "It is a habit generally forgiven, that a widowed clerk in charge of a small orchard, must be in fear of the post."),
    ("Call me Ishmael. Some years ago—never mind how long precisely—having little or no money in my purse, and nothing particular to interest me on shore, I thought I would sail about a little and see the watery part of the world.",
     "Call me Barnaby. Some winters ago—I forget in which parish—having little or no butter in my larder, and nobody cheerful to quarrel with at home, I thought I would walk about a little and count the chalky hills of the county."),
    ("Alice was beginning to get very tired of sitting by her sister on the bank, and of having nothing to do: once or twice she had peeped into the book her sister was reading, but it had no pictures or conversations in it",
     "Harriet was starting to grow rather bored of standing by her uncle at the forge, and of having nobody to tease: now and then she had looked into the pail her uncle was mending, but it had no bottom or handle upon it"),
    ("Four score and seven years ago our fathers brought forth on this continent, a new nation, conceived in Liberty, and dedicated to the proposition that all men are created equal.",
     "Two dozen and eleven weeks ago our cousins carried over to this island, a used printing press, wrapped in canvas, and addressed to the society that all bees are kept equal."),
    ("When in the Course of human events, it becomes necessary for one people to dissolve the political bands which have connected them with another, and to assume among the powers of the earth",
     "When in the Middle of a village fair, it becomes tempting for one baker to loosen the canvas ropes which have fastened him to another, and to announce among the stalls of the square"),
    ("We the People of the United States, in Order to form a more perfect Union, establish Justice, insure domestic Tranquility, provide for the common defence, promote the general Welfare",
     "We the Tenants of the Lower Meadow, in Order to dig a more regular ditch, repair Fences, limit evening Trumpets, pay for the common ladder, encourage the local Geese"),
    ("To be, or not to be, that is the question: Whether 'tis nobler in the mind to suffer the slings and arrows of outrageous fortune, or to take arms against a sea of troubles",
     "To knit, or not to knit, that is the problem: Whether 'tis warmer in the hands to carry the mugs and kettles of neighbourly custom, or to light fires beneath a roof of thatches"),
    ("Shall I compare thee to a summer's day? Thou art more lovely and more temperate: Rough winds do shake the darling buds of May, and summer's lease hath all too short a date",
     "Must I describe thee to a miller's boy? Thou art more dusty and more obstinate: Soft carts do spill the grinning plums of Kent, and autumn's clerk hath all too long a beard"),
    ("In the beginning God created the heaven and the earth. And the earth was without form, and void; and darkness was upon the face of the deep. And the Spirit of God moved upon the face of the waters.",
     "In the evening Ruth counted the barley and the jars. And the barley was without weevils, and dry; and silence was upon the floor of the barn. And the cousin of Ruth leaned upon the gate of the orchard."),
    ("The Lord is my shepherd; I shall not want. He maketh me to lie down in green pastures: he leadeth me beside the still waters. He restoreth my soul",
     "The potter is my landlord; I shall not shout. He asketh me to sit up in damp cellars: he sendeth me behind the tall ovens. He painteth my door"),
    ("Our Father which art in heaven, Hallowed be thy name. Thy kingdom come. Thy will be done in earth, as it is in heaven. Give us this day our daily bread.",
     "Our Aunt which lives in Bristol, Mended be thy coat. Thy parcel come. Thy soup be stirred in copper, as it is in iron. Lend us this week our other rope."),
    ("Once upon a midnight dreary, while I pondered, weak and weary, over many a quaint and curious volume of forgotten lore, while I nodded, nearly napping, suddenly there came a tapping",
     "Once along a Tuesday smoky, while I measured, cold and croaky, under many a bent and borrowed shovel of discarded tin, while I whittled, softly humming, presently there went a drumming"),
    ("Two roads diverged in a yellow wood, and sorry I could not travel both and be one traveler, long I stood and looked down one as far as I could to where it bent in the undergrowth",
     "Three carts collided in a narrow lane, and glad I could not mend them all and be one carpenter, late I knelt and stared through one as hard as I dared to where it leaked on the cobblestones"),
    ("Because I could not stop for Death, He kindly stopped for me; The carriage held but just ourselves and Immortality.",
     "Because I would not pay for Salt, She gladly paid for three; The ferry took but both our trunks and half a Cherry tree."),
    ("You don't know about me without you have read a book by the name of The Adventures of Tom Sawyer; but that ain't no matter. That book was made by Mr. Mark Twain, and he told the truth, mainly.",
     "You won't care about me unless you have paid a bill at the inn of The Speckled Heron Arms; but that ain't no secret. That bill was wrote by Mrs. Ada Finch, and she charged the lot, twice."),
    ("Happy families are all alike; every unhappy family is unhappy in its own way.",
     "Tidy gardens are all dull; every untidy garden is untidy on its own terms."),
    ("My father's family name being Pirrip, and my Christian name Philip, my infant tongue could make of both names nothing longer or more explicit than Pip. So, I called myself Pip, and came to be called Pip.",
     "My mother's maiden name being Thwaite, and my given name Leopold, my younger sister could make of both names nothing kinder or more musical than Twop. So, she called me Twop, and I came to answer to Twop."),
    ("Marley was dead: to begin with. There is no doubt whatever about that. The register of his burial was signed by the clergyman, the clerk, the undertaker, and the chief mourner.",
     "Pomfret was late: as it happens. There is no quarrel whatsoever about that. The timetable of his omnibus was folded by the conductor, the grocer, the organist, and the tallest passenger."),
    ("You will rejoice to hear that no disaster has accompanied the commencement of an enterprise which you have regarded with such evil forebodings. I arrived here yesterday",
     "You will be sorry to learn that no umbrella has survived the rehearsal of a pageant which you have rehearsed with such noisy enthusiasm. I repainted them Thursday"),
    ("To Sherlock Holmes she is always the woman. I have seldom heard him mention her under any other name. In his eyes she eclipses and predominates the whole of her sex.",
     "To Doctor Plumley it is still the ladder. I have rarely known him describe it with any softer word. In his view it outranks and embarrasses the rest of the shed."),
    ("In my younger and more vulnerable years my father gave me some advice that I've been turning over in my mind ever since.",
     "In my busier and less patient months my tailor sold me some buttons that I've been sewing back upon my sleeves ever since."),
    ("One morning, when Gregor Samsa woke from troubled dreams, he found himself transformed in his bed into a horrible vermin.",
     "One evening, when Martin Holub came from crowded markets, he found himself promoted in his absence to a minor bishop."),
    ("There was no possibility of taking a walk that day. We had been wandering, indeed, in the leafless shrubbery an hour in the morning",
     "There was no likelihood of buying a goat that week. We had been bargaining, indeed, in the crowded sheepfold an age before the thunder"),
    ("The Time Traveller (for so it will be convenient to speak of him) was expounding a recondite matter to us. His pale grey eyes shone and twinkled, and his usually pale face was flushed and animated.",
     "The Button Merchant (for so it will be easier to complain of him) was unfolding a striped tablecloth for us. His small brown dogs barked and shuffled, and his normally neat cart was muddy and overloaded."),
    ("No one would have believed in the last years of the nineteenth century that this world was being watched keenly and closely by intelligences greater than man's and yet as mortal as his own",
     "No one would have wagered in the first weeks of the rhubarb harvest that this cellar was being swept daily and kindly by lodgers poorer than Edna's and yet as punctual as her own"),
    ("O say can you see, by the dawn's early light, what so proudly we hailed at the twilight's last gleaming, whose broad stripes and bright stars through the perilous fight",
     "O pray can you smell, by the bakehouse back door, what so gladly we burned at the Wednesday late supper, whose brown crusts and black pans through the comical night"),
    ("Twinkle, twinkle, little star, how I wonder what you are! Up above the world so high, like a diamond in the sky.",
     "Rattle, rattle, copper jar, how I wonder whose you are! Down below the stairs so steep, like a beetle half asleep."),
    ("Mary had a little lamb, its fleece was white as snow; and everywhere that Mary went, the lamb was sure to go.",
     "Nora bought a second broom, its bristles stiff as wire; and anywhere that Nora swept, the broom would catch on fire."),
    ("'Twas the night before Christmas, when all through the house not a creature was stirring, not even a mouse; the stockings were hung by the chimney with care",
     "'Twas the week after payday, when all down the lane not a grocer was whistling, not even for rain; the turnips were stacked by the pump with a sigh"),
    ("Tyger Tyger, burning bright, in the forests of the night; what immortal hand or eye, could frame thy fearful symmetry?",
     "Badger badger, digging slow, in the gardens down below; what impatient rake or spade, could straighten thy untidy glade?"),
    ("If you can keep your head when all about you are losing theirs and blaming it on you, if you can trust yourself when all men doubt you",
     "If you can fold your map when all beside you are tearing theirs and wiping boots on it, if you can thread your needle when the lamps smoke"),
    ("Half a league, half a league, half a league onward, all in the valley of Death rode the six hundred.",
     "Half a spoon, half a spoon, half a spoon over, all in the kitchen of Maud sat the nine plumbers."),
    ("In Xanadu did Kubla Khan a stately pleasure-dome decree: where Alph, the sacred river, ran through caverns measureless to man down to a sunless sea.",
     "In Tewkesbury did Mister Penn a sturdy pigeon-loft require: where Bess, the spotted terrier, slept through sermons pitiless to men down by a smoking fire."),
    ("I wandered lonely as a cloud that floats on high o'er vales and hills, when all at once I saw a crowd, a host, of golden daffodils",
     "I hurried sticky as a spoon that drips at noon on cloths and chairs, when just ahead I heard a tune, a pair, of limping grenadiers"),
    ("Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated documentation files (the \"Software\"), to deal in the Software without restriction",
     "Admission is grudgingly offered, wet or dry, to any uncle carrying a crate of these lemons and surplus marmalade jars (the \"Lemons\"), to sit on the Lemons without complaint"),
    ("Friends, Romans, countrymen, lend me your ears; I come to bury Caesar, not to praise him. The evil that men do lives after them; the good is oft interred with their bones.",
     "Plumbers, cousins, bellringers, pass me your hats; I come to borrow ladders, not to paint them. The holes that mice gnaw stay beside us; the cheese is oft forgotten with its string."),
    ("But, soft! what light through yonder window breaks? It is the east, and Juliet is the sun. Arise, fair sun, and kill the envious moon",
     "But, hush! what goat through yonder hedgerow chews? It is the Smiths', and Gerald is the thief. Come down, thin boy, and pay the angry aunt"),
    ("I pledge allegiance to the Flag of the United States of America, and to the Republic for which it stands, one Nation under God, indivisible, with liberty and justice for all.",
     "I promise turnips to the Cook of the Amalgamated Boats of Winterbourne, and to the Kitchen in which she hums, one ladle over soup, unbreakable, with pepper and dumplings for most."),
    ("The quick brown fox jumps over the lazy dog. Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor incididunt ut labore et dolore magna aliqua.",
     "The damp grey clerk leans under the broken sign. Torem vesum calor fit manet, perspectetur nuncupiscing alet, med lo seiusmot lempor adcibidunt at favore ex colore parva siliqua."),
]  # fmt: skip
"""Openings of books, poems and speeches."""


DOCUMENTS = [
    ("Licensed under the Apache License, Version 2.0 (the \"License\"); you may not use this file except in compliance with the License. You may obtain a copy of the License at",
     "Granted under the Harbour Charter, Edition 4.1 (the \"Charter\"); you shall not moor this barge except in agreement with the Charter. You shall borrow a lamp of the Charter from"),
    ("THE SOFTWARE IS PROVIDED \"AS IS\", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT.",
     "THE ORCHARD IS RENTED \"BY MOONLIGHT\", WITHOUT LADDERS OF ANY HEIGHT, WOODEN OR BORROWED, INCLUDING BUT NOT CONFINED TO THE LADDERS OF GRANDMOTHERS, BASKETS FOR A CERTAIN CIDER AND WHEELBARROWS."),
    ("This program is free software: you can redistribute it and/or modify it under the terms of the GNU General Public License as published by the Free Software Foundation, either version 3 of the License, or (at your option) any later version.",
     "This pudding is shared property: you may reheat it and/or decorate it under the rules of the Old Canal Supper Club as painted on the Back Kitchen Door, either side 2 of the Door, or (at your peril) any newer hinge."),
    ("Redistribution and use in source and binary forms, with or without modification, are permitted provided that the following conditions are met: Redistributions of source code must retain the above copyright notice",
     "Whistling and skating in single and double file, with or without mittens, are tolerated provided that the following parrots are fed: Whistlers of sea shanties must return the above ginger biscuit"),
    ("All human beings are born free and equal in dignity and rights. They are endowed with reason and conscience and should act towards one another in a spirit of brotherhood.",
     "All market stalls are built low and narrow in timber and canvas. They are furnished with pegs and buckets and should lean against one another in a row of puddles."),
    ("Congress shall make no law respecting an establishment of religion, or prohibiting the free exercise thereof; or abridging the freedom of speech, or of the press",
     "Beekeepers shall paint no hive concerning an assortment of turnips, or discouraging the slow migration thereof; or shortening the trousers of judges, or of the choir"),
    ("For God so loved the world, that he gave his only begotten Son, that whosoever believeth in him should not perish, but have everlasting life.",
     "For Ned so feared the goose, that he sold his only painted cart, that whosoever rideth in it should not whistle, but have reasonable shoes."),
    ("We hold these truths to be self-evident, that all men are created equal, that they are endowed by their Creator with certain unalienable Rights, that among these are Life, Liberty and the pursuit of Happiness.",
     "We find these kettles to be over-polished, that all lids are fastened crooked, that they are dented by their Owner with several unnecessary Spoons, that beside these are Soap, Gravel and the repair of Umbrellas."),
    ("Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor incididunt ut labore et dolore magna aliqua. Ut enim ad minim veniam, quis nostrud exercitation ullamco laboris",
     "Vesper quorum calet in hortis, permutatur asinus lentus, nec tu cucumis pridie sutoribus aut pelle vel cista parva rotunda. Ne forte sub tecto manent, cras nostrum oppidanum calceo rumpit"),
    ("Ask not what your country can do for you – ask what you can do for your country. My fellow citizens of the world: ask not what America will do for you, but what together we can do for the freedom of man.",
     "Ask not what your plumber can hum for you – ask what you can hum for your plumber. My fellow lodgers of the mill: ask not what Agatha will bake for you, but what together we can knit for the comfort of geese."),
]  # fmt: skip
"""Documents and formulas that stand on the web word for word by the thousand."""


def main() -> None:
    """Write the items: id, question, and whether it is famous."""
    rows = [
        {"id": f"{kind}-{sort}-{number:02d}", "question": text, "famous": kind == "famous"}
        for sort, pairs in (("opening", OPENINGS), ("document", DOCUMENTS))
        for number, pair in enumerate(pairs, 1)
        for kind, text in zip(("famous", "made-up"), pair, strict=True)
    ]
    path = Path(__file__).with_name("famous.jsonl")
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


if __name__ == "__main__":
    main()
