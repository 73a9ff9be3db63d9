# Building blocks: words, numbers, hosts, paths, times. A line is NAME and a regular expression
# (PCRE2, bytes); %{OTHER} names another pattern. Where a blank or a bracket ends a field, the
# pattern is written so that it cannot contain that byte: then a format becomes a delimiter plan.

# --- text ---
WORD \w+
NOTSPACE \S+
SPACE \s*
DATA .*?
GREEDYDATA .*
# The inside of double quotes, where \" is an escape.
QUOTED [^"\\]*(?:\\.[^"\\]*)*
QUOTEDSTRING "%{QUOTED}"|'[^'\\]*(?:\\.[^'\\]*)*'
QS %{QUOTEDSTRING}
UUID [0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}
URN urn:[0-9A-Za-z][0-9A-Za-z-]{0,31}:[^\s"<>]+
USERNAME [a-zA-Z0-9._-]+
USER %{USERNAME}
EMAILLOCALPART [a-zA-Z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-zA-Z0-9!#$%&'*+/=?^_`{|}~-]+)*
EMAILADDRESS %{EMAILLOCALPART}@%{HOSTNAME}

# --- numbers ---
INT [+-]?\d+
NONNEGINT \d+
POSINT [1-9]\d*
NUMBER [+-]?(?:\d+(?:\.\d*)?|\.\d+)
BASE10NUM %{NUMBER}
BASE16NUM [+-]?(?:0x)?[0-9A-Fa-f]+
BASE16FLOAT [+-]?(?:0x)?(?:[0-9A-Fa-f]+(?:\.[0-9A-Fa-f]*)?|\.[0-9A-Fa-f]+)

# --- networks ---
IPV4 (?:(?:25[0-5]|2[0-4]\d|[01]?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|[01]?\d?\d)
IPV6H [0-9A-Fa-f]{1,4}
IPV6 (?:(?:%{IPV6H}:){7}%{IPV6H}|(?:%{IPV6H}:){1,7}:|(?:%{IPV6H}:){1,6}:%{IPV6H}|(?:%{IPV6H}:){1,5}(?::%{IPV6H}){1,2}|(?:%{IPV6H}:){1,4}(?::%{IPV6H}){1,3}|(?:%{IPV6H}:){1,3}(?::%{IPV6H}){1,4}|(?:%{IPV6H}:){1,2}(?::%{IPV6H}){1,5}|%{IPV6H}:(?::%{IPV6H}){1,6}|:(?:(?::%{IPV6H}){1,7}|:)|(?:%{IPV6H}:){6}%{IPV4}|(?:%{IPV6H}:){1,5}:%{IPV4}|::(?:ffff(?::0{1,4})?:)?%{IPV4})(?:%[0-9A-Za-z]+)?
IP %{IPV6}|%{IPV4}
HOSTNAME [0-9A-Za-z_][0-9A-Za-z_-]{0,62}(?:\.[0-9A-Za-z_][0-9A-Za-z_-]{0,62})*\.?
HOST %{HOSTNAME}
IPORHOST %{IP}|%{HOSTNAME}
HOSTPORT %{IPORHOST}:%{POSINT}
COMMONMAC (?:[0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}
WINDOWSMAC (?:[0-9A-Fa-f]{2}-){5}[0-9A-Fa-f]{2}
CISCOMAC (?:[0-9A-Fa-f]{4}\.){2}[0-9A-Fa-f]{4}
MAC %{CISCOMAC}|%{WINDOWSMAC}|%{COMMONMAC}

# --- paths and URIs ---
UNIXPATH (?:/[^/\s\\]*)+
WINPATH (?:[A-Za-z]:|\\)(?:\\[^\\?*"<>|:/]*)+
PATH %{UNIXPATH}|%{WINPATH}
TTY /dev/(?:pts|tty[pq]?)(?:/?\w*)
URIPROTO [A-Za-z][A-Za-z0-9+.-]*
URIHOST %{IPORHOST}(?::\d+)?
URIPATH (?:/[A-Za-z0-9$.+!*'(){},~:;=@#%&_|\\^<>`-]*)+
URIQUERY [A-Za-z0-9$.+!*'(){},~:;=@#%&_|/\\?^<>\[\]`-]*
URIPARAM \?%{URIQUERY}
URIPATHPARAM %{URIPATH}(?:%{URIPARAM})?
URI %{URIPROTO}://(?:%{USER}(?::[^@\s]*)?@)?(?:%{URIHOST})?(?:%{URIPATHPARAM})?
MAVEN_VERSION (?:0|[1-9]\d*)\.(?:\d+)(?:\.\d+)?(?:[.-](?:SNAPSHOT|RELEASE|M\d+|RC\d+|[A-Za-z0-9]+))?

# --- days and times ---
MONTH Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sep(?:tember)?|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?
MONTHNUM 0?[1-9]|1[0-2]
MONTHNUM2 0[1-9]|1[0-2]
MONTHDAY 0[1-9]|[12]\d|3[01]|[1-9]
DAY Mon(?:day)?|Tue(?:sday)?|Wed(?:nesday)?|Thu(?:rsday)?|Fri(?:day)?|Sat(?:urday)?|Sun(?:day)?
YEAR \d{4}|\d{2}
HOUR 2[0-3]|[01]?\d
MINUTE [0-5]\d
SECOND (?:[0-5]?\d|60)(?:[:.,]\d+)?
TIME (?:%{HOUR}):(?:%{MINUTE})(?::(?:%{SECOND}))?
TZ [A-Z]{3,5}
ISO8601_TIMEZONE Z|[+-]\d\d(?::?\d\d)?
ISO8601_SECOND (?:[0-5]\d|60)(?:[.,]\d+)?
TIMESTAMP_ISO8601 \d{4}-\d\d-\d\d[T ]\d\d:?\d\d(?::?\d\d(?:[.,]\d+)?)?(?: ?(?:%{ISO8601_TIMEZONE}))?
DATE_US (?:%{MONTHNUM})[/-](?:%{MONTHDAY})[/-](?:%{YEAR})
DATE_EU (?:%{MONTHDAY})[./-](?:%{MONTHNUM})[./-](?:%{YEAR})
DATE %{DATE_US}|%{DATE_EU}
DATESTAMP (?:%{DATE})[- ]%{TIME}
DATESTAMP_RFC822 (?:%{DAY}) (?:%{MONTH}) (?:%{MONTHDAY}) \d{4} %{TIME} %{TZ}
DATESTAMP_RFC2822 (?:%{DAY}), (?:%{MONTHDAY}) (?:%{MONTH}) \d{4} %{TIME} (?:%{ISO8601_TIMEZONE})
DATESTAMP_OTHER (?:%{DAY}) (?:%{MONTH}) (?:%{MONTHDAY}) %{TIME} %{TZ} \d{4}
DATESTAMP_EVENTLOG \d{14}
HTTPDERROR_DATE (?:%{DAY}) (?:%{MONTH}) (?:%{MONTHDAY}) %{TIME} \d{4}
SYSLOGTIMESTAMP (?:%{MONTH}) +(?:%{MONTHDAY}) %{TIME}
HTTPDATE \d{1,2}/(?:%{MONTH})/\d{4}:%{TIME} [+-]?\d{4}
LOGLEVEL [Aa]lert|ALERT|[Tt]race|TRACE|[Dd]ebug|DEBUG|[Nn]otice|NOTICE|[Ii]nfo(?:rmation)?|INFO(?:RMATION)?|[Ww]arn(?:ing)?|WARN(?:ING)?|[Ee]rr(?:or)?|ERR(?:OR)?|[Cc]rit(?:ical)?|CRIT(?:ICAL)?|[Ff]atal|FATAL|[Ss]evere|SEVERE|[Ee]merg(?:ency)?|EMERG(?:ENCY)?
