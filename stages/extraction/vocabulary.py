"""The words that authors of web pages use in class names and ids, and what each promises.

Words are lower case and singular; `names` splits, joins and un-pluralises. The lists cover
news, blogs, documentation, wikis, forums and shops in English, German, French, Spanish,
Italian and Portuguese, and the romanised Chinese and Japanese that turn up in markup.
"""

from __future__ import annotations

from typing import Final

NOUN: Final = 1 << 0
"""A thing that is read: article, post, product."""
BODY: Final = 1 << 1
"""The text of a thing: body, content."""
PROSE: Final = 1 << 2
"""A word that hardly anything but running text is called: prose, bodytext."""
RICH: Final = 1 << 22
"""Text of any length from a text editor: richtext, markdown."""
MAIN: Final = 1 << 3
"""The chief part of the page: main, primary."""
PART: Final = 1 << 4
"""A small part of a thing, which never holds its text: title, image, button."""
FRAME: Final = 1 << 5
"""A word about layout that promises nothing: wrapper, inner, column."""
LEAD: Final = 1 << 6
"""A standfirst: lead, summary."""
CAPTION: Final = 1 << 7
"""The caption of a picture."""

NAV: Final = 1 << 8
SIDE: Final = 1 << 9
FOOT: Final = 1 << 10
AD: Final = 1 << 11
SHARE: Final = 1 << 12
RELATED: Final = 1 << 13
COMMENT: Final = 1 << 14
META: Final = 1 << 15
FORM: Final = 1 << 16
NOTICE: Final = 1 << 17
HIDDEN: Final = 1 << 18
MORE: Final = 1 << 19
"""A pointer to further reading, unless the token also says BODY."""
TEASER: Final = 1 << 23
"""A standfirst, if the token also says BODY; else a pointer to another text."""
SITE: Final = 1 << 20
"""The site as a whole; with HEADER it is the masthead."""
HEADER: Final = 1 << 21
KEPT: Final = 1 << 25
"""Never boilerplate, whatever else its names and tag say."""

KINDS_OF_JUNK: Final = (
    NAV,
    SIDE,
    FOOT,
    AD,
    SHARE,
    RELATED,
    COMMENT,
    META,
    FORM,
    NOTICE,
    HIDDEN,
)
JUNK: Final[int] = sum(KINDS_OF_JUNK)

_WORDS: Final = {
    NOUN: """
        article post entry story news blog blogpost weblog artikel beitrag meldung bericht
        nachricht reportage articulo noticia nota entrada cronica actu actualite recit billet
        articolo notizia artigo materia product produkt producto produit prodotto produto node
        message question answer topic thread recipe rezept receta recette doc document wiki
        event press pressemitteilung review chapter lesson kiji xinwen wenzhang newsct art
        interview essay column kolumne publication report single hentry journal page
        """,
    BODY: """
        body content text copy inhalt contenu contenido contenuto conteudo cuerpo corps corpo
        texte texto testo editor description beschreibung descripcion descriptif descrizione
        nei rong wen ben section paragraph abstract transcript
        """,
    PROSE: """
        bodytext bodycopy fliesstext haupttext maintext honbun zhengwen neirong articlebody
        storybody articletext storytext postbody postcontent entrycontent mainbody leitext
        bbwrapper
        """,
    RICH: "prose richtext wysiwyg rte markdown cooked redactor bbcode",
    MAIN: "main haupt hauptinhalt principal primary hauptbereich principale mainpart",
    PART: """
        title titel titre titulo titolo heading headline head image img picture bild foto photo
        media medium video audio icon button btn link list liste lista thumb thumbnail logo
        count counter number size font toggle label input select option kicker dachzeile
        overline rubric rubrik hero cover spacer anchor placeholder preview excerpt
        """,
    FRAME: """
        wrapper wrap container inner outer box area block col row grid cell zone region layout
        left right center centre middle top full wide large view the js id c l o u m b field
        name value type default standard basic component module mod group holder panel pane
        clearfix cf format formatted template static public mw parser output html xhtml cms
        wp td tdb et pb vc fl elementor new item element version regular normal detail
        """,
    LEAD: """
        lead leadin lede intro introduction einleitung vorspann vorspan standfirst summary
        subtitle subheadline subhead subline untertitel unterzeile zusammenfassung chapo
        chapeau bajada entradilla sumario sommario deck dek
        """,
    CAPTION: """
        caption figcaption legend bildunterschrift bildtext bildlegende legende leyenda
        didascalia legenda bu imagecaption
        """,
    NAV: """
        nav navi navigation navbar navigator subnav topnav menu menue submenu megamenu breadcrumb
        breadcrumbs brotkrumen brotkrume ariane miga pager pagination paginator paging
        pagenavi toc tableofcontents inhaltsverzeichnis sommaire skiplink skip toolbar topbar
        masthead sitemap jumplink backtotop totop topofpage navheader navfooter mwjump
        catlinks navbox sprungmarke menubar linklist linkliste tabbar daohang mianbaoxie
        prevnext mantop navlink navlinks
        """,
    SIDE: """
        sidebar aside sidecol sidecolumn rail rightrail leftrail marginal marginalie
        randspalte seitenleiste lateral secondary tertiary
        complementary widget widgets textwidget infobar sidebox sidenav sidecontent cebian
        """,
    FOOT: "footer foot printfooter colophon fusszeile fuss pied pie rodape piepagina",
    AD: """
        ad ads adv advert advertise advertisement advertising advertorial adsense adslot adunit
        adbox adspace adcontainer adwrapper adblock dfp gpt gptad sponsor sponsored promo
        promotion promobox werbung anzeige anzeigen publicidad publicite pubblicita
        publicidade reklama reclame outbrain taboola teads plista ligatus affiliate guanggao
        koukoku kokoku skyscraper leaderboard billboard medrect mpu pub adsbygoogle partnership
        """,
    SHARE: """
        share sharing sharer sharebar shariff sharedaddy social socialmedia addthis addtoany
        follow teilen compartir partager condividi compartilhar sns bookmark bookmarks
        whatsapp likebutton retweet shareaholic sociable fenxiang ssba
        """,
    RELATED: """
        related relatedpost recommend recommended recommendation popular trending mostread
        mostviewed meistgelesen latest recent similar suggest suggested suggestion upnext
        verwandt verwandte weiterlesen aehnlich aehnliche empfehlung empfohlen passend
        themenverwandt relacionado relacionada relacionados relacionadas tambien recomendado
        correlati correlato associe associes seealso jumpto crosslink
        crosslinks xiangguan tuijian kanren osusume ranking backlink trackback pingback
        yarpp crp sistersite bestseller crosssell upsell alsobought carry readnext nextup
        """,
    COMMENT: """
        comment commentlist respond reply replie disqus kommentar kommentare leserkommentar
        comentario comentarios commentaire commentaires commenti commento livefyre talkback
        guestbook pinglun liuyan leserbrief response
        """,
    META: """
        byline author autor auteur autore bio biobox avatar gravatar profile vcard tag tags
        taglist tagcloud category categorie categories keyword schlagwort schlagworte
        schlagwoerter etiqueta etiquetas postmeta entrymeta meta metadata timestamp datetime
        date datum fecha pubdate published editsection credit credits copyright rights
        permalink postinfo userinfo postprofile poster signature editlink lastmod
        dateline writer redakteur zeitstempel posted noprint hatnote ambox usercard
        karma badge reputation pageinfo
        """,
    FORM: """
        form login signin signup register registration subscribe subscription newsletter search
        searchform searchbox suche suchfeld suchformular recherche buscar busca captcha wpcf7
        poll vote voting rating donate donation spende spenden paywall abo mailchimp optin
        inscription addtocart cart warenkorb basket checkout wishlist
        """,
    NOTICE: """
        cookie consent gdpr dsgvo ccpa modal popup overlay toast drawer disclaimer
        legal cookiebar cookiebanner onetrust usercentric banner interstitial noscript lightbox
        tooltip outdated sitenotice fundraising
        """,
    MORE: "more mehr plus mas readmore weiter also auch aussi piu",
    TEASER: "teaser teasers anreisser anleser",
    SITE: "site global website portal",
    HEADER: "header kopf kopfzeile cabecera entete",
}

MASKS: Final[dict[str, int]] = {}
"""Word -> the bits of every list that names it."""
for _bit, _text in _WORDS.items():
    for _word in _text.split():
        MASKS[_word] = MASKS.get(_word, 0) | _bit
MASKS.update(dict.fromkeys(("footnote", "endnote", "reference", "headnote"), FRAME))

_STATE_PREFIXES: Final = """
    has no is not with without category tag type status format postid cat elementor align
    size data above below before after under pre
"""
STATE_PREFIXES: Final = frozenset(_STATE_PREFIXES.split())
STATE_PAIRS: Final = (
    "menu-item",
    "page-template",
    "wp-image",
    "post_tag",
    "post-type",
    "bl-",
    "top-doc",
)
"""First words of tokens that tell a state of the page, as in `has-sidebar`, `category-sport`, or
a part of a thing, as in `Bl-tag` of manual pages and `top-doc` of rustdoc's."""

_HIDDEN_TOKENS: Final = """
    hidden invisible hide sr-only visually-hidden visuallyhidden screen-reader-text d-none
    is-hidden u-hidden element-invisible screen-reader offscreen a11y-hidden show-for-sr
    assistive-text vh hideme visually-hidden-focusable display-none noshow print-only printonly
    visible-print uk-hidden
"""
HIDDEN_TOKENS: Final = frozenset(_HIDDEN_TOKENS.split())
KEPT_TOKENS: Final = frozenset(("infobox", "portable-infobox", "quote"))
"""Boxes of facts, and asides that hold what a post quotes."""
SHOWN_AGAIN: Final = ("block", "flex", "grid", "inline", "table")
"""Ends of responsive tokens, `md:block`, that take back a `hidden` on wide screens."""
