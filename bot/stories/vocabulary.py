"""Vocabulary: words that are no evidence: articles, common words of headlines, and publishers' names.

All are folded (`bot.stories.fingerprint.fold`): no case, accents or vowel marks.
"""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Always left out. None is an important word in another language: "die" is a verb in English.
ARTICLES = _words("a an the le la les l un une der ein eine el los las gli")

# Common in headlines of all events: they never count as shared.
COMMON = ARTICLES | _words("""
    about after again against ago all amid among and are as at back be because been before being best between
    big but by can could day days did do does down during every few first for from get gets getting had has
    have he her here his how in into is it its just last latest less like live look made make makes making may
    might more most much must my near new news no not now of off on one only or other our out over own per say
    says said saying see set she should since so some still such take takes than that their them then there
    these they this those three through time to today top two under until up update updates us use video was
    watch way we week were what when where which while who why will with without would year years yet you your
    das dem den die il lo o os
    au aux avec ce ces dans de des du elle en est et ils je leur mais ne nous on ou par pas plus pour qui que sa
    se ses son sont sur vous als am auf aus bei bis dass des es fur hat im ist mit nach nicht noch sich sie sind
    uber um und von vor war wie wird zu zum zur al ante con como del desde entre era ha han hay mas muy para
    pero por si sin sobre su sus tras y da dal della di dos e em na nao nos piu pela pelo
    в во все для до его за и из или их к как ко на не но о об от по при с со так то у что это
    الي في من علي عن مع هذا هذه ما ان لا بعد قبل بين او ثم قد كل
""")

# A publisher at the end of a headline ("… - BBC News", "… (AP)") is not part of it.
PRESS = _words("""
    abc afp agency ap apnews associated bbc bloomberg canadian cbc cbs chronicle cnbc cnn com daily deutsche euronews
    express fox gazette guardian herald independent insider jazeera journal magazine mirror nbc net news newspaper npr
    observer online org post press radio reuters sky telegraph times tribune tv upi welle wire xinhua
""")

# What fills the slots of templates.
WEEKDAYS = _words("""
    monday tuesday wednesday thursday friday saturday sunday montag dienstag mittwoch donnerstag freitag samstag sonntag
    lundi mardi mercredi jeudi vendredi samedi dimanche lunes martes miercoles jueves viernes sabado domingo
    pazartesi sali carsamba persembe cuma cumartesi pazar
    понедельник вторник среду среда четверг пятницу пятница субботу суббота воскресенье
    الاثنين الثلاثاء الاربعاء الخميس الجمعه السبت الاحد
    اثنين ثلاثاء اربعاء خميس جمعه سبت احد
""")
ZODIAC = _words("aries taurus gemini leo virgo libra scorpio sagittarius capricorn aquarius pisces")
MONTHS = _words("""
    january february march april may june july august september october november december jan feb mar apr jun jul aug
    sep sept oct nov dec januar februar marz mai juni juli oktober dezember janvier fevrier mars avril juin juillet aout
    septembre octobre novembre decembre enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre
    diciembre января февраля марта апреля мая июня июля августа сентября октября ноября декабря
    يناير فبراير مارس ابريل مايو يونيو يوليو اغسطس سبتمبر اكتوبر نوفمبر ديسمبر
""")
_CARDINALS = """
    one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen
    nineteen twenty
"""
_ORDINALS = "first second third fourth fifth sixth seventh eighth ninth tenth"
NUMERALS = {word: str(n) for words in (_CARDINALS, _ORDINALS) for n, word in enumerate(words.split(), 1)}
# Words of headlines that come back every day: a column, or a count of the day.
COLUMNS = _words("""
    today tonight daily morning evening afternoon weekend week briefing bulletin quiz forecast horoscope horoscopes
    highlights wrap update updates live latest developments happened newsletter review pictures photos cases recap
    digest crossword lotto lottery podcast listings schedule stories reads
""")
# Stems of what is counted again while an event goes on.
TOLLS = _words(
    "dead death die kill injur wound miss hurt toll victim casualti surviv arrest rescu evacu قتيل قتل جريح погиб"
)
_PAIRS = """
    lower higher, rise fall, rise drop, rise slip, rise slide, gain loss, gain fall, gain lose, up down, open close,
    cut rais, cut hike, increas decreas, increas cut, increas lower, enter leav, arriv leav,
    start end, begin end, lift impos, approv reject, accept reject, buy sell, jump fall, jump drop, jump plung,
    surg plung, soar plung, north south, east west, northern southern, eastern western, men women, man woman, boy girl,
    hire fire, morn even, morn afternoon, afternoon even, guilti acquit, rebound slide, climb fall, climb slip,
    strengthen weaken, gain slip, jump tumbl
"""
OPPOSITES: dict[str, frozenset[str]] = {}
for _pair in _PAIRS.split(","):
    _one, _other = _pair.split()
    OPPOSITES[_one] = OPPOSITES.get(_one, frozenset()) | {_other}
    OPPOSITES[_other] = OPPOSITES.get(_other, frozenset()) | {_one}
