"""What do ratings say of areas, once raters' severity and the scale are taken out?"""
