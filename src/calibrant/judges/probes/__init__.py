"""Does a judge change its mind for the wrong reasons, or fail to change it for the right ones?"""
