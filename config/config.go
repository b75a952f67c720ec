package config

import (
	"time"

	"tidings/gateway"
	"tidings/transport"
)

// Config is the whole configuration. A field's tags: `key` is its name in the file, `help` says what it does (starting in
// lower case, for flags as for the page), `env` names another environment variable that adds to it, `secret` keeps it off
// the command line, `choices` are all its values.
type Config struct {
	Listen         string   `key:"listen" help:"address and port to listen on; an empty host means all interfaces"`
	Node           string   `key:"node" help:"this gateway's name in metrics and in hello; random if empty"`
	PublishKeys    []string `key:"publish_keys" env:"TIDINGS_PUBLISH_KEY" secret:"yes" help:"keys that may publish, as Authorization: Bearer; without any, everybody who can reach the gateway may"`
	PublishKeyFile string   `key:"publish_key_file" help:"file with further publish keys, one a line; lines that start with # are left out"`
	Insecure       bool     `key:"insecure" help:"start on an address that other machines can reach although no publish key is set"`
	Origins        []string `key:"origins" help:"origins of web pages that may use the gateway beside its own, such as https://example.org (https://example.org:* for each of its ports); * for every origin, null for pages without one"`
	Hosts          []string `key:"hosts" help:"names under which the gateway is reached beside those of its address, such as that of a proxy in front of it"`
	Transports     []string `key:"transports" help:"transports that are offered; what is not listed is off"`
	Iframe         bool     `key:"iframe" help:"serve transport=iframe, a stream for pages in browsers that hand on nothing else before its end"`
	JSONP          bool     `key:"jsonp" help:"answer polls by script where the URL says callback=, for pages in browsers that cannot read another origin; a page must be among the origins, and show it by its Referer"`
	Ladder         []Step   `key:"ladder" help:"transports for some topics or clients only: of a request, each rule that fits takes away what it does not list"`
	HeadStart      Duration `key:"head_start" help:"how long clients wait for a transport to speak before they try the next beside it; 0s leaves that to them"`
	Proxies        []string `key:"proxies" help:"addresses or ranges of proxies in front of the gateway, whose X-Forwarded-For tells a client's address"`
	Sockets        []Socket `key:"sockets" help:"programs that serve sockets, or feed a topic: one rule each"`

	Limits      Limits      `key:"limits" help:"how much one client may take"`
	History     History     `key:"history" help:"how much is kept for readers who come back"`
	Pressure    Pressure    `key:"pressure" help:"what is done when open files or memory are short"`
	Compression Compression `key:"compression" help:"what is made smaller before it is sent"`
	Ping        Duration    `key:"ping" help:"heartbeat on a stream on which nothing else is said; followers may ask for less"`
	Poll        Duration    `key:"poll" help:"how often a client without a better transport is asked to poll"`
	PollAway    Duration    `key:"poll_away" help:"how long a client that polls may stay away and still count as a follower; three times poll if that is more"`
	Idempotency Idempotency `key:"idempotency" help:"how long a publish can be repeated safely"`
	AppendWait  Duration    `key:"append_wait" help:"how long a publish waits for the fan-out to catch up before it is answered 503"`
	Drain       Duration    `key:"drain" help:"how long a stop waits for requests that are being answered"`
	Log         Log         `key:"log" help:"what the gateway writes to standard error"`
	Metrics     Metrics     `key:"metrics" help:"what Prometheus scrapes"`
	Board       bool        `key:"board" help:"serve the demo and console page at /"`
}

// Limits bound what one client may take.
type Limits struct {
	Body              Size `key:"body" help:"size of one message"`
	Batch             Size `key:"batch" help:"size of a batch that is sent as one JSON array; NDJSON is bounded by the line only"`
	Connections       int  `key:"connections" help:"connections that follow at the same time, all clients together, held polls included"`
	HeldPolls         int  `key:"held_polls" help:"long polls that are held at the same time, all clients together; 0 for as many as there may be connections"`
	Sessions          int  `key:"sessions" help:"clients that are known by the session they say (polling ones count as one follower each by it); past that the one away for longest is forgotten"`
	TopicsPerFollower int  `key:"topics_per_follower" help:"topics and patterns that one follower may follow"`
}

// History says how much of the log is kept.
type History struct {
	Bytes      Size     `key:"bytes" help:"memory for the history of all topics together; the oldest goes first"`
	Messages   int      `key:"messages" help:"messages kept per topic; 1 makes a topic hold its newest message only"`
	TopicBytes Size     `key:"topic_bytes" help:"bytes of payload kept per topic"`
	Age        Duration `key:"age" help:"how long a message is kept"`
	Rules      []Rule   `key:"rules" help:"other bounds for some topics: the first rule whose topic matches holds, and what it leaves out is as above"`
}

// Rule bounds the history of the topics that match, and says what becomes of who reads them slowly.
type Rule struct {
	Topic    string   `key:"topic" help:"a topic or pattern"`
	Messages int      `key:"messages" help:"as history.messages"`
	Bytes    Size     `key:"bytes" help:"as history.topic_bytes"`
	Age      Duration `key:"age" help:"as history.age"`
	Conflate string   `key:"conflate" choices:"key" help:"with key, of the messages that have the same Tidings-Key only the newest is kept; those without a key are kept as elsewhere"`
	Slow     string   `key:"slow" choices:"resume disconnect" help:"what becomes of a reader for whom messages are gone before it took them: resume (the default) tells it of the gap and goes on, disconnect closes it with code 4002"`
	Lag      int      `key:"lag" help:"with slow: disconnect, a reader is closed as soon as more messages of a topic than this wait for it, be they gone or not"`
}

// Step forces the ladder of transports for requests of some topics, or of some clients.
type Step struct {
	Topic      string   `key:"topic" help:"a topic or pattern; the rule fits whoever follows it, or a pattern that could bring a message of it"`
	Clients    string   `key:"clients" help:"an address or range, such as 10.0.0.0/8, that the client's address is in"`
	Transports []string `key:"transports" help:"the transports that may be used, and no others"`
}

// Socket has a program serve the sockets of a path, or feed a topic.
type Socket struct {
	Path       string   `key:"path" help:"path of the socket; one that ends in / holds for all paths below it"`
	Exec       []string `key:"exec" help:"program and arguments: one runs for each client, who writes its standard input and reads the lines of its standard output"`
	Dir        string   `key:"dir" help:"directory of programs, instead of exec: what follows the rule's path says which of them runs"`
	Topic      string   `key:"topic" help:"topic to which the lines of one program are published for everyone, instead of a path; it is started again when it ends"`
	Binary     bool     `key:"binary" help:"messages are bytes as they come, not lines"`
	MaxProcs   int      `key:"max_procs" help:"programs that run at the same time; 1024 if it is left out, -1 for no bound"`
	PerAddress int      `key:"per_address" help:"sockets that one address may have at the same time; no bound if it is left out"`
	Message    Size     `key:"message" help:"size of one message to the program; 2MiB if it is left out"`
	Grace      Duration `key:"grace" help:"how long a program may take to end once its client has left, and again after SIGTERM; 500ms if it is left out"`
	Absence    Duration `key:"absence" help:"how long a client that can move may be away before its program ends; 30s if it is left out. Plain WebSockets cannot: theirs ends at once"`
	PassEnv    []string `key:"pass_env" help:"variables of the gateway's environment that the program has; PATH and LD_LIBRARY_PATH if it is left out"`
}

// Pressure says when files or memory are short, and how fast that is relieved.
type Pressure struct {
	Level  string   `key:"level" choices:"auto normal ask move refuse" help:"auto goes by what is measured; normal, ask (who comes for a stream is asked to poll), move (streams are moved to polling, the slowest first) and refuse (only polls are answered) fix the level"`
	Files  int      `key:"files" help:"open files that there may be; 0 for as many as the system allows the process"`
	Memory Size     `key:"memory" help:"memory that the gateway may take; 0 for GOMEMLIMIT, else for the limit of its control group, else without limit"`
	Ask    int      `key:"ask" help:"percent of either from which who comes for a stream is asked to poll"`
	Move   int      `key:"move" help:"percent of either from which streams are moved"`
	Refuse int      `key:"refuse" help:"percent of either from which only polls are answered"`
	Slack  int      `key:"slack" help:"percent less than at its begin that must be in use before a level ends"`
	Dwell  Duration `key:"dwell" help:"how long a level holds at least before a lower one begins"`
	Rate   int      `key:"rate" help:"streams that are moved in a second at most"`
}

// Compression says what is deflated. A message is deflated once for all who follow.
type Compression struct {
	WebSocket bool   `key:"websocket" help:"deflate messages on WebSockets whose client offers permessage-deflate, browsers that fail on it excepted"`
	HTTP      string `key:"http" choices:"off asked on" help:"answer followers that accept gzip with it: off, asked (polls, and streams whose URL says compress=1) or on (streams too)"`
	From      Size   `key:"from" help:"size of a message from which it is deflated; smaller ones go as they are"`
}

// Idempotency bounds the memory of publishes.
type Idempotency struct {
	Keys   int      `key:"keys" help:"idempotency keys that are remembered; past that the oldest is forgotten"`
	Window Duration `key:"window" help:"how long an idempotency key is remembered"`
}

// Log says what is logged.
type Log struct {
	Level  string `key:"level" choices:"debug info warn error" help:"least level that is logged: debug, info, warn or error"`
	Format string `key:"format" choices:"text json" help:"text or json"`
}

// Metrics says where metrics are served.
type Metrics struct {
	Listen string `key:"listen" help:"address and port of a listener for /metrics, /livez and /readyz alone; if empty, /metrics is served beside the topics"`
}

// Default returns the configuration without file, environment and flags.
func Default() Config {
	c := Config{
		Listen: "127.0.0.1:8080",
		Limits: Limits{Body: 1 << 20, Batch: 16 << 20, Connections: 20_000, Sessions: 250_000, TopicsPerFollower: 100},
		History: History{
			Bytes:      256 << 20,
			Messages:   gateway.DefaultRetention.Messages,
			TopicBytes: Size(gateway.DefaultRetention.Bytes),
			Age:        Duration(gateway.DefaultRetention.Age),
		},
		Pressure:    Pressure{Level: "auto", Ask: 80, Move: 90, Refuse: 95, Slack: 10, Dwell: Duration(10 * time.Second), Rate: 100},
		Compression: Compression{WebSocket: true, HTTP: "asked", From: 512},
		Ping:        Duration(20 * time.Second),
		Poll:        Duration(5 * time.Second),
		PollAway:    Duration(time.Minute),
		Idempotency: Idempotency{Keys: 100_000, Window: Duration(5 * time.Minute)},
		AppendWait:  Duration(2 * time.Second),
		Drain:       Duration(10 * time.Second),
		Log:         Log{Level: "info", Format: "text"},
		Board:       true,
	}
	for _, kind := range transport.Kinds {
		c.Transports = append(c.Transports, kind.String())
	}
	return c
}
