package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"tidings/config"
	"tidings/gateway"
	"tidings/program"
	"tidings/program/pages"
	"tidings/server"
)

// execCmd has the flags of websocketd where they mean the same; docs/exec.md compares all of them.
type execCmd struct {
	Port       *int     `placeholder:"PORT" help:"Port to listen on, 8080 by default; 0 for one that is free."`
	Address    []string `placeholder:"ADDRESS" help:"Address to listen on, such as 0.0.0.0 or [::1]; may be repeated. Only this machine can connect without it."`
	Origin     []string `placeholder:"ORIGIN" help:"Pages that may connect beside those of the same host: [scheme://]host[:port], a list; * for all, null for files."`
	SameOrigin bool     `name:"sameorigin" help:"Let only pages of the same host connect: as it is without --origin."`
	Static     string   `aliases:"staticdir" placeholder:"DIR" help:"Serve the files of a directory."`
	Console    bool     `name:"devconsole" help:"Serve a page to talk to the program by."`

	Dir           string        `placeholder:"DIR" help:"Run the programs of a directory, by the path, instead of one."`
	Topic         string        `placeholder:"NAME" help:"Run one program for all, and publish its lines to a topic."`
	Binary        bool          `help:"Messages are bytes as they come, not lines."`
	PassEnv       []string      `name:"passenv" placeholder:"NAME" help:"Variables that programs have of the environment, a list (default ${passenv})."`
	ReverseLookup bool          `name:"reverselookup" help:"REMOTE_HOST is the name that DNS has for the client."`
	MaxProcs      int           `aliases:"maxforks" default:"${maxprocs}" placeholder:"N" help:"Programs that run at the same time; 0 for no bound (default ${default})."`
	PerAddress    int           `default:"0" placeholder:"N" help:"Sockets that one address may have; 0 for no bound (default ${default})."`
	MaxFrameSize  int           `name:"maxframesize" default:"2097152" placeholder:"BYTES" help:"Size of one message to the program; 0 for no bound (default ${default})."`
	Absence       time.Duration `default:"30s" placeholder:"DURATION" help:"How long a client that can move may be away before its program ends (default ${default}); plain WebSockets cannot."`
	CloseMs       int           `name:"closems" default:"500" placeholder:"MS" help:"How long a program may take to end when its client has left, and again after SIGTERM (default ${default})."`
	PingMs        int           `name:"pingms" default:"0" placeholder:"MS" help:"Heartbeat; 0 for that of the configuration (default ${default})."`

	LogLevel string `name:"loglevel" aliases:"log-level" placeholder:"LEVEL" help:"Least level that is logged: debug, info, warn or error."`
	File     string `name:"config" placeholder:"FILE" help:"Configuration of the gateway around the programs; also $$TIDINGS_CONFIG."`
	Version  bool   `help:"Print the version."`

	Command []string `arg:"" optional:"" passthrough:"" name:"program" help:"The program and its arguments."`

	strangers
}

// strangers are flags of websocketd that there are not, each with what to do instead.
type strangers struct {
	SSL        stranger `name:"ssl" hidden:"" instead:"TLS is not built in yet: let a proxy in front have it (docs/proxies.md)"`
	SSLCert    stranger `name:"sslcert" hidden:"" instead:"TLS is not built in yet: let a proxy in front have it (docs/proxies.md)"`
	SSLKey     stranger `name:"sslkey" hidden:"" instead:"TLS is not built in yet: let a proxy in front have it (docs/proxies.md)"`
	SSLCA      stranger `name:"sslca" hidden:"" instead:"TLS is not built in yet: let a proxy in front have it (docs/proxies.md)"`
	RedirPort  stranger `name:"redirport" hidden:"" instead:"there is no redirection: let a proxy in front do it (docs/proxies.md)"`
	UnixSocket stranger `name:"unixsocket" hidden:"" instead:"there are no Unix sockets: listen on 127.0.0.1"`
	CGIDir     stranger `name:"cgidir" hidden:"" instead:"CGI programs are not run: a web server in front does that"`
	PassStderr stranger `name:"passstderr" hidden:"" instead:"standard error goes to the log: to send it, too, run sh -c './program 2>&1'"`
	Header     stranger `name:"header" hidden:"" instead:"there are no fields of one's own: let a proxy in front add them (docs/proxies.md)"`
	HeaderWS   stranger `name:"header-ws" hidden:"" instead:"there are no fields of one's own: let a proxy in front add them (docs/proxies.md)"`
	HeaderHTTP stranger `name:"header-http" hidden:"" instead:"there are no fields of one's own: let a proxy in front add them (docs/proxies.md)"`
	License    stranger `name:"license" hidden:"" instead:"the license is in the file LICENSE"`
}

type stranger struct{}

// Decode implements [kong.MapperValue].
func (*stranger) Decode(ctx *kong.DecodeContext) error {
	return errors.New(ctx.Value.Tag.Get("instead"))
}

// IsBool implements [kong.BoolMapperValue]: some of them have a value, some have none.
func (*stranger) IsBool() bool { return true }

// levels are websocketd's names beside ours.
var levels = map[string]string{"trace": "debug", "access": "info", "fatal": "error"}

// AfterApply refuses flags that there are not, which would be taken for a program: only behind -- one may begin with a hyphen.
func (c *execCmd) AfterApply(ctx *kong.Context) error {
	if len(c.Command) == 0 {
		return nil
	}
	if c.Command[0] == "--" {
		c.Command = c.Command[1:]
		return nil
	}
	given := c.Command[0]
	if i := slices.IndexFunc(ctx.Args, func(arg string) bool { return strings.HasPrefix(arg, given) }); i >= 0 {
		given = ctx.Args[i] // of one hyphen and several letters the parser has left the first letter
	}
	given, _, _ = strings.Cut(given, "=")
	name := strings.TrimLeft(given, "-")
	if name == given {
		return nil
	}
	var names []string
	for _, flag := range ctx.Flags() {
		names = append(append(names, flag.Name), flag.Aliases...)
	}
	if slices.Contains(names, name) {
		return fmt.Errorf("%s: flags have two hyphens: --%s", given, name)
	}
	return fmt.Errorf("there is no flag %s%s", given, config.Meant(name, names))
}

func (c *execCmd) run(ctx context.Context, s *session) error {
	if c.Version {
		return (&versionCmd{}).run(ctx, s)
	}
	flags := map[string]string{}
	if c.LogLevel != "" {
		flags["log-level"] = cmp.Or(levels[c.LogLevel], c.LogLevel)
	}
	loaded, err := config.Load(config.Source{File: cmp.Or(c.File, s.lookup("TIDINGS_CONFIG")), Env: s.env, Flags: flags})
	if err := errors.Join(err, c.check()); err != nil {
		return usageError{err}
	}
	at := &site{config: loaded, log: logger(loaded.Log, s.stderr), listen: c.addresses(loaded.Listen), rules: rules(loaded.Sockets)}
	if at.options, err = c.serverOptions(loaded.Config, at.log); err != nil {
		return usageError{err}
	}
	if len(c.Command) > 0 || c.Dir != "" {
		at.rules = append(at.rules, c.rule())
	}
	at.greet = func(addresses []net.Addr) { c.greet(s.stdout, addresses) }
	return host(ctx, at)
}

// check reports what does not go together.
func (c *execCmd) check() error {
	var errs []error
	wrong := func(is bool, text string) {
		if is {
			errs = append(errs, errors.New(text))
		}
	}
	none := len(c.Command) == 0 && c.Dir == ""
	wrong(none && c.Static == "", "there is nothing to serve: name a program, --dir or --static")
	wrong(c.Topic != "" && len(c.Command) == 0, "--topic needs a program")
	wrong(c.Topic != "" && (c.Dir != "" || c.Binary || c.Console), "--topic publishes the lines of one program: it goes with none of --dir, --binary and --devconsole")
	wrong(c.Console && c.Static != "", "--devconsole and --static would both be at /: only one of them can be")
	wrong(c.SameOrigin && len(c.Origin) > 0, "--sameorigin lets no other origin connect, and --origin names some: say one of them")
	wrong(c.Port != nil && (*c.Port < 0 || *c.Port > 65535), "--port: there are ports from 0 to 65535")
	for _, number := range []struct {
		flag  string
		value int
	}{
		{"per-address", c.PerAddress}, {"maxframesize", c.MaxFrameSize}, {"closems", c.CloseMs}, {"pingms", c.PingMs},
	} {
		wrong(number.value < 0, fmt.Sprintf("--%s: %d is less than 0", number.flag, number.value))
	}
	wrong(c.Absence < 0, "--absence is negative")
	if c.Topic != "" {
		errs = append(errs, gateway.CheckTopic(c.Topic))
	}
	return errors.Join(errs...)
}

// addresses are where to listen: without a word on the command line as the configuration has it.
func (c *execCmd) addresses(configured string) (out []string) {
	if c.Port == nil && len(c.Address) == 0 {
		return []string{configured}
	}
	port := "8080"
	if c.Port != nil {
		port = strconv.Itoa(*c.Port)
	}
	hosts := c.Address
	if len(hosts) == 0 {
		hosts = []string{"127.0.0.1"}
	}
	for _, host := range hosts {
		out = append(out, net.JoinHostPort(strings.Trim(host, "[]"), port))
	}
	return out
}

// serverOptions are those of a gateway that is there for its programs: nobody else publishes unless the configuration has keys, so that it may be at any
// address that was asked for.
func (c *execCmd) serverOptions(configuration config.Config, log *slog.Logger) (o server.Options, err error) {
	o = serverOptions(configuration, log)
	o.NoBoard = true
	if len(o.PublishKeys) == 0 {
		o.PublishKeys = []string{rand.Text()}
	}
	for _, origin := range c.Origin {
		o.Origins = append(o.Origins, origins(origin)...)
	}
	if c.PingMs > 0 {
		o.Ping = time.Duration(c.PingMs) * time.Millisecond
	}
	if c.Console {
		o.Pages = pages.Console()
	}
	if c.Static != "" {
		if o.Pages, err = pages.Files(c.Static); err != nil {
			return o, fmt.Errorf("--static: %w", err)
		}
	}
	return o, nil
}

// origins says an origin as websocketd has it in our words: without a port it means every port, and without a scheme both.
func origins(text string) []string {
	if text == "*" || text == "null" {
		return []string{text}
	}
	scheme, host, ok := strings.Cut(text, "://")
	if !ok {
		return slices.Concat(origins("http://"+text), origins("https://"+text))
	}
	u, err := url.Parse(scheme + "://" + host)
	switch {
	case err != nil:
		return []string{text} // refused with all that is no origin
	case u.Port() == "":
		return []string{text + ":*"}
	case u.Port() == map[string]string{"http": "80", "https": "443"}[scheme]:
		return []string{strings.TrimSuffix(text, ":"+u.Port())} // as browsers write it
	}
	return []string{text}
}

// rule is what the command line says, at /.
func (c *execCmd) rule() rule {
	unbounded := func(n int) int { return cmp.Or(max(n, 0), -1) }
	return rule{
		Options: program.Options{
			Command: c.Command, Dir: c.Dir, Path: "/", Binary: c.Binary, Processes: unbounded(c.MaxProcs), PassEnv: c.PassEnv,
			Grace: time.Duration(c.CloseMs) * time.Millisecond, ReverseLookup: c.ReverseLookup,
		},
		socket: server.SocketOptions{
			MessageBytes: unbounded(c.MaxFrameSize), PerAddress: c.PerAddress, Absence: c.Absence, Ping: time.Duration(c.PingMs) * time.Millisecond,
		},
		topic: c.Topic,
	}
}

// greet says what is served where.
func (c *execCmd) greet(to io.Writer, at []net.Addr) {
	var w strings.Builder
	what := strings.Join(c.Command, " ")
	if c.Dir != "" {
		what = "the programs in " + c.Dir
	} else if what == "" {
		what = c.Static
	}
	fmt.Fprintf(&w, "Tidings serves %s\n", what)
	below := ""
	if c.Dir != "" {
		below = "PROGRAM"
	}
	loopback := true
	for _, address := range at {
		name := reachable(address)
		tcp, ok := address.(*net.TCPAddr)
		loopback = loopback && ok && tcp.IP.IsLoopback()
		switch {
		case c.Topic != "":
			fmt.Fprintf(&w, "  follow   curl -N -H 'Accept: text/event-stream' http://%s/topics/%s\n", name, c.Topic)
		case len(c.Command) > 0 || c.Dir != "":
			fmt.Fprintf(&w, "  socket   ws://%s/%s\n  client   http://%s/tidings-socket.js\n", name, below, name)
		}
		switch {
		case c.Console:
			fmt.Fprintf(&w, "  page     http://%s/%s\n", name, below)
		case c.Static != "":
			fmt.Fprintf(&w, "  page     http://%s/\n", name)
		}
	}
	if loopback {
		w.WriteString("  Only this machine can connect: --address=0.0.0.0 lets others, too.\n")
	}
	if (len(c.Command) > 0 || c.Dir != "") && c.Topic == "" && len(c.Origin) == 0 && !c.SameOrigin {
		w.WriteString("  Pages from elsewhere cannot: --origin=null lets files (file://), --origin='*' all.\n")
	}
	fmt.Fprint(to, w.String())
}
