package config

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

var update = flag.Bool("update", false, "write the generated files again")

// TestPage holds the generated files against the tags.
func TestPage(t *testing.T) {
	for file, want := range map[string]string{"../docs/configuration.md": Page(), "../configs/tidings.yaml": File()} {
		if *update {
			if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, string(got)); diff != "" {
			t.Errorf("%s is out of date (go generate ./config):\n%s", file, diff)
		}
	}
}

// TestExampleFile holds that the file in configs says what the gateway does without it, for every option.
func TestExampleFile(t *testing.T) {
	const file = "../configs/tidings.yaml"
	got, err := Load(Source{File: file})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Default(), normal(got.Config)); diff != "" {
		t.Errorf("default (-) and file (+):\n%s", diff)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var tree map[string]any
	if err := yaml.Unmarshal(data, &tree); err != nil {
		t.Fatal(err)
	}
	for _, o := range Options() {
		at, found := any(tree), true
		for key := range strings.SplitSeq(o.Key, ".") {
			m, _ := at.(map[string]any)
			at, found = m[key], m != nil && found
			_, there := m[key]
			found = found && there
		}
		if !found {
			t.Errorf("%s is not in %s", o.Key, file)
		}
	}
}

// normal makes empty lists absent, as Default has them.
func normal(c Config) Config {
	if len(c.PublishKeys) == 0 {
		c.PublishKeys = nil
	}
	if len(c.Origins) == 0 {
		c.Origins = nil
	}
	if len(c.Hosts) == 0 {
		c.Hosts = nil
	}
	if len(c.Proxies) == 0 {
		c.Proxies = nil
	}
	if len(c.History.Rules) == 0 {
		c.History.Rules = nil
	}
	if len(c.Ladder) == 0 {
		c.Ladder = nil
	}
	if len(c.Sockets) == 0 {
		c.Sockets = nil
	}
	return c
}

// TestScrapeConfig holds that the example for Prometheus asks for what the gateway serves.
func TestScrapeConfig(t *testing.T) {
	data, err := os.ReadFile("../configs/prometheus.yml")
	if err != nil {
		t.Fatal(err)
	}
	var scrape struct {
		Jobs []struct {
			Name    string `yaml:"job_name"`
			Path    string `yaml:"metrics_path"`
			Targets []struct {
				Targets []string `yaml:"targets"`
			} `yaml:"static_configs"`
		} `yaml:"scrape_configs"`
	}
	if err := yaml.Unmarshal(data, &scrape); err != nil {
		t.Fatal(err)
	}
	if len(scrape.Jobs) != 1 || scrape.Jobs[0].Path != "/metrics" {
		t.Fatalf("jobs: %+v", scrape.Jobs)
	}
	if got := scrape.Jobs[0].Targets[0].Targets[0]; got != Default().Listen {
		t.Errorf("scrapes %s; the gateway listens on %s", got, Default().Listen)
	}
}

func write(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "tidings.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestPrecedence(t *testing.T) {
	file := write(t, "ping: 5s\npoll: 6s\nappend_wait: 7s\nhistory:\n  bytes: 64MiB\n  rules:\n    - {topic: a/*, messages: 1}\n")
	got, err := Load(Source{
		File: file,
		Env:  []string{"TIDINGS_POLL=8s", "TIDINGS_APPEND_WAIT=9s", "TIDINGS_TRANSPORTS=sse, poll", "HOME=/"},
		Flags: map[string]string{
			"append-wait": "10s", "board": "false", "history-rules": "[{topic: b, bytes: 1KiB, age: 2d, conflate: key, slow: disconnect, lag: 50}]", "origins": "https://a.example,*",
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.Ping, want.Poll, want.AppendWait = Duration(5*time.Second), Duration(8*time.Second), Duration(10*time.Second)
	want.History.Bytes = 64 << 20
	want.History.Rules = []Rule{{Topic: "b", Bytes: 1 << 10, Age: Duration(48 * time.Hour), Conflate: "key", Slow: "disconnect", Lag: 50}}
	want.Transports = []string{"sse", "poll"}
	want.Origins = []string{"https://a.example", "*"}
	want.Board = false
	if diff := cmp.Diff(want, got.Config); diff != "" {
		t.Errorf("want (-) and got (+):\n%s", diff)
	}
}

// TestEveryOption sets each option in each of its ways to what it is not by default.
func TestEveryOption(t *testing.T) {
	for _, o := range Options() {
		value := "7s"
		switch {
		case strings.HasSuffix(o.Key, "listen"):
			value = "localhost:9"
		case o.Key == "publish_key_file":
			value = write(t, "# ours\nsecret\n")
		case o.Key == "hosts":
			value = "push.example"
		case o.Key == "origins":
			value = "https://a.example"
		case o.Key == "transports":
			value = "poll"
		case o.Key == "ladder":
			value = "[{topic: a, transports: [sse, poll]}]"
		case o.Key == "sockets":
			value = "[{path: /count, exec: [sh, -c, date], binary: true, max_procs: 5}]"
		case o.Key == "proxies":
			value = "10.0.0.0/8"
		case o.Key == "pressure.level":
			value = "ask"
		case o.Key == "pressure.move":
			value = "91"
		case o.Key == "pressure.refuse":
			value = "96"
		case o.Key == "history.rules":
			value = "[{topic: a, messages: 3}]"
		case o.Bool():
			value = "true"
			if o.Default == value {
				value = "false"
			}
		case o.Key == "log.level":
			value = "debug"
		case o.Key == "log.format":
			value = "json"
		case o.Key == "compression.http":
			value = "on"
		case o.kind.Kind() == reflect.Int:
			value = "77"
		case o.kind == reflect.TypeFor[Size]():
			value = "3MiB"
		}
		// In a file, with each part of the key indented further.
		text, indent := "", ""
		for part := range strings.SplitSeq(o.Key, ".") {
			text += "\n" + indent + part + ":"
			indent += "  "
		}
		sources := map[string]Source{"file": {File: write(t, text+" "+value)}, "env": {Env: []string{o.Env + "=" + value}}}
		if o.Flag != "" {
			sources["flag"] = Source{Flags: map[string]string{o.Flag: value}}
		}
		for way, source := range sources {
			got, err := Load(source)
			if err != nil {
				t.Errorf("%s by %s: %v", o.Key, way, err)
				continue
			}
			l := loader{config: got.Config}
			byDefault := loader{config: Default()}
			if reflect.DeepEqual(l.field(o).Interface(), byDefault.field(o).Interface()) {
				t.Errorf("%s by %s: %q has changed nothing", o.Key, way, value)
			}
		}
	}
}

func TestMistakes(t *testing.T) {
	tests := []struct {
		name  string
		text  string
		env   []string
		flags map[string]string
		want  []string
	}{
		{
			name: "all at once",
			text: "listen: 8080\nhistroy:\n  bytes: 1GiB\nping: 20\nlimits:\n  body: huge\n  conections: 5\ntransports: [sse, longpol]\n" +
				"history:\n  rules:\n    - topic: a//b\n      message: 1\n    - messages: x\n",
			env:   []string{"TIDINGS_POLL=1h30", "TIDINGS_BOARD=maybe"},
			flags: map[string]string{"log-level": "verbose", "append-wait": "5m"},
			want: []string{
				`FILE:2: there is no option "histroy"; did you mean "history"?`,
				`FILE:4: ping: "20" is no duration: write it with a unit, as 500ms, 20s, 5m, 2h or 7d`,
				`FILE:6: limits.body: "huge" is no size: write bytes as 4096, 512KiB, 64MiB or 2GiB`,
				`FILE:7: there is no option "limits.conections"; did you mean "connections"?`,
				`FILE:12: a rule has no "message"; did you mean "messages"?`,
				`FILE:13: history.rules[1].messages: "x" is no whole number`,
				`TIDINGS_POLL: "1h30" is no duration: write it with a unit, as 500ms, 20s, 5m, 2h or 7d`,
				`TIDINGS_BOARD: "maybe" is neither true nor false`,
				`--append-wait: append_wait: 5m is out of bounds: from 1ms to 1m`,
				`--log-level: log.level: "verbose" is none of debug, info, warn, error`,
				`FILE:11: history.rules[0].topic: invalid topic: "a//b" has the segment ""`,
				`FILE:13: history.rules[1].topic: is missing`,
				`FILE:8: transports: "longpol" is none of websocket, sse, stream, longpoll, poll; did you mean "longpoll"?`,
				`FILE:1: listen: "8080" is no address: write host:port, as 127.0.0.1:8080 or :8080`,
			},
		},
		{
			name: "in the wrong place", text: "topic_bytes: 1\nhistory_bytes: 1\nhistory:\n  origins: x\n",
			want: []string{
				`FILE:1: there is no option "topic_bytes"; did you mean "history.topic_bytes"?`,
				`FILE:2: there is no option "history_bytes"; did you mean "history.bytes"?`,
				`FILE:4: there is no option "history.origins"; did you mean "origins"?`,
			},
		},
		{name: "twice", text: "ping: 5s\nping: 6s\n", want: []string{`FILE:2: "ping" stands in line 1 already`}},
		{name: "no tree", text: "- ping", want: []string{`FILE:1: the configuration needs keys and values`}},
		{name: "a tree for a word", text: "ping:\n  every: 5s\n", want: []string{`FILE:2: ping needs one value`}},
		{name: "a word for a tree", text: "history: 5\n", want: []string{`FILE:1: history needs keys and values`}},
		{name: "no YAML", text: "ping: [5s\n", want: []string{`FILE: line 1: did not find expected ',' or ']'`}},
		{name: "two documents", text: "ping: 5s\n---\nping: 6s\n", want: []string{`FILE: holds more than one document`}},
		{name: "an alias", text: "ping: &a 5s\npoll: *a\n", want: []string{`FILE:2: poll needs one value`}},
		{
			name: "a public address", env: []string{"TIDINGS_LISTEN=:80"},
			want: []string{`TIDINGS_LISTEN: listen: other machines can reach :80, and anyone could publish there: set publish_keys (or ` +
				`TIDINGS_PUBLISH_KEY), or say insecure if that is what you want`},
		},
		{
			name: "origins", text: "origins: [example.org, 'https://example.org/']\n",
			want: []string{
				`FILE:1: origins: "example.org" is no origin: write it as https://example.org, or * for every one`,
				`FILE:1: origins: "https://example.org/" is no origin: write it as https://example.org, or * for every one`,
			},
		},
		{
			name: "rules in a flag", flags: map[string]string{"history-rules": "[{topic: a, messages: -1}, {topic: b}]"},
			want: []string{
				`--history-rules: history.rules[0].messages: -1 is less than 1`,
				`--history-rules: history.rules[1].topic: the rule for "b" says nothing: it needs messages, bytes, age, conflate or slow`,
			},
		},
		{
			name: "slow readers", text: "history:\n  rules:\n  - {topic: a, conflate: keys}\n  - {topic: b, slow: disconect, lag: 3}\n  - {topic: c, slow: disconnect, lag: -1}\n",
			want: []string{
				`FILE:3: history.rules[0].conflate: "keys" is none of key; did you mean "key"?`,
				`FILE:4: history.rules[1].slow: "disconect" is none of resume, disconnect; did you mean "disconnect"?`,
				`FILE:4: history.rules[1].lag: it means nothing without slow: disconnect`,
				`FILE:5: history.rules[2].lag: -1 is less than 1`,
			},
		},
		{
			name: "sockets", text: "sockets:\n- {path: /a, exec: [cat], max_procs: -2, per_address: -1, absence: -1s, grace: -1s, message: x}\n- {path: 'a?b', exec: [nowhere-at-all]}\n" +
				"- {exec: cat}\n- {path: /x/../y, exec: cat, dir: .}\n- {path: /a}\n- {topic: a//b, exec: cat, binary: yes, per_address: 1}\n" +
				"- {topic: $own, exec: cat}\n- {path: /b, topic: b, exec: cat}\n- {path: /c, dir: /nowhere/at/all}\n- {path: /d, exec: cat, max_forks: 3}\n- {path: /tools, dir: .}\n",
			want: []string{
				`FILE:2: sockets[0].message: "x" is no size: write bytes as 4096, 512KiB, 64MiB or 2GiB`,
				`FILE:11: a rule has no "max_forks"; did you mean "max_procs"?`,
				`FILE:2: sockets[0].exec: the grace is negative: -1s`,
				`FILE:2: sockets[0].max_procs: -2 is less than -1`,
				`FILE:2: sockets[0].absence: -1s is negative`,
				`FILE:2: sockets[0].per_address: -1 is less than 1`,
				`FILE:3: sockets[1].path: "a?b" is no path: it begins with / and has neither ? nor # nor parts that are empty, . or ..`,
				`FILE:3: sockets[1].exec: there is no program "nowhere-at-all": executable file not found in $PATH`,
				`FILE:4: sockets[2].path: is missing; or a topic`,
				`FILE:5: sockets[3].path: "/x/../y" is no path: it begins with / and has neither ? nor # nor parts that are empty, . or ..`,
				`FILE:5: sockets[3].exec: there is a program and a directory of programs: only one of them can serve`,
				`FILE:6: sockets[4].path: sockets[0] is for the same`,
				`FILE:6: sockets[4].exec: there is no program, and no directory of programs`,
				`FILE:7: sockets[5].topic: invalid topic: "a//b" has the segment ""`,
				`FILE:7: sockets[5].binary: it means nothing with a topic`,
				`FILE:7: sockets[5].per_address: it means nothing with a topic`,
				`FILE:8: sockets[6].topic: reserved topic: "$own"`,
				`FILE:9: sockets[7].topic: the rule has a path already: a program serves a socket or feeds a topic`,
				`FILE:10: sockets[8].path: the programs of a directory are below the path: say "/c/"`,
				`FILE:10: sockets[8].exec: stat /nowhere/at/all: no such file or directory`,
				`FILE:12: sockets[10].path: the programs of a directory are below the path: say "/tools/"`,
			},
		},
		{
			name: "keys", text: "publish_keys: ['two words', '']\npublish_key_file: /nowhere/key\nlisten: :80\n",
			want: []string{
				`FILE:2: publish_key_file: open /nowhere/key: no such file or directory`,
				`FILE:1: publish_keys: one of the keys has spaces or characters that no header can carry`,
				`FILE:1: publish_keys: one of the keys is empty`,
			},
		},
		{name: "metrics", text: "metrics: {listen: '127.0.0.1:8080'}", want: []string{
			`FILE:1: metrics.listen: is the same as listen; leave it empty to serve /metrics there`,
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			file := ""
			if test.text != "" {
				file = write(t, test.text)
			}
			_, err := Load(Source{File: file, Env: test.env, Flags: test.flags})
			if _, ok := errors.AsType[Mistakes](err); !ok {
				t.Fatalf("no mistakes but %v", err)
			}
			got := strings.Split(err.Error(), "\n")
			for i := range got {
				if file != "" {
					got[i] = strings.ReplaceAll(got[i], file, "FILE")
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("want (-) and got (+):\n%s", diff)
			}
		})
	}
}

func TestPublicAddress(t *testing.T) {
	tests := []struct {
		listen string
		key    string
		flags  map[string]string
		fails  bool
	}{
		{listen: "127.0.0.1:80"},
		{listen: "[::1]:80"},
		{listen: "localhost:80"},
		{listen: "127.8.9.1:0"},
		{listen: "0.0.0.0:80", fails: true},
		{listen: ":80", fails: true},
		{listen: "[::]:80", fails: true},
		{listen: "push.example.org:80", fails: true},
		{listen: "192.168.1.2:80", fails: true},
		{listen: ":80", key: "secret"},
		{listen: ":80", flags: map[string]string{"insecure": "true"}},
	}
	for _, test := range tests {
		_, err := Load(Source{Env: []string{"TIDINGS_LISTEN=" + test.listen, "TIDINGS_PUBLISH_KEY=" + test.key}, Flags: test.flags})
		if (err != nil) != test.fails {
			t.Errorf("%+v: %v", test, err)
		}
	}
}

func TestKeys(t *testing.T) {
	keys := write(t, "# ours\n\n  three  \nfour\n")
	got, err := Load(Source{
		File: write(t, "publish_keys: [one]\npublish_key_file: "+keys+"\n"),
		Env:  []string{"TIDINGS_PUBLISH_KEY=two"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"one", "two", "three", "four"}, got.PublishKeys); diff != "" {
		t.Error(diff)
	}
	if text := got.YAML(); strings.Contains(text, "one") || !strings.Contains(text, "# publish_keys: 4, not shown") {
		t.Errorf("YAML shows keys:\n%s", text)
	}
}

func TestWarnings(t *testing.T) {
	got, err := Load(Source{Env: []string{"TIDINGS_LISTNE=:80", "TIDINGS_SERVICE_HOST=10.0.0.1", "TIDINGS_KEY=x"}})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{`the environment has TIDINGS_LISTNE, which sets nothing; did you mean "TIDINGS_LISTEN"?`}
	if diff := cmp.Diff(want, got.Warnings); diff != "" {
		t.Error(diff)
	}
}

func TestTooLarge(t *testing.T) {
	_, err := Load(Source{File: write(t, strings.Repeat("#", MaxFileBytes+1))})
	if err == nil || !strings.Contains(err.Error(), "is larger than 1MiB") {
		t.Error(err)
	}
	if _, err := Load(Source{File: write(t, "# nothing but a comment\n")}); err != nil {
		t.Error(err)
	}
}

// FuzzParse holds that whatever is accepted can be written, read again, and is the same then; and that nothing panics.
func FuzzParse(f *testing.F) {
	f.Add(File())
	f.Add("history:\n  rules:\n  - {topic: a/**, age: 2d, conflate: key}\n  - {topic: b, slow: disconnect, lag: 9}\n")
	f.Add("ladder:\n- {topic: a/**, transports: [poll]}\n- {clients: 10.0.0.0/8, transports: sse}\nproxies: ['::1', 10.0.0.0/8]\n")
	f.Add("publish_keys: [a, b]\nlisten: :80")
	f.Add("? [a]\n: b\n<<: *x\n")
	f.Add("a: &a [*a]\nhistory: *a\n")
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "publish_key_file") {
			return // it would be read
		}
		load := func(text string) (Config, error) {
			l := loader{config: Default(), origins: map[string]string{}}
			l.parse("f", []byte(text))
			l.validate()
			if len(l.mistakes) > 0 {
				return Config{}, l.mistakes
			}
			return l.config, nil
		}
		c, err := load(text)
		if err != nil {
			return
		}
		c.PublishKeys, c.Insecure = nil, true // keys are not written; without them an address may be refused
		again, err := load(c.YAML())
		if err != nil {
			t.Fatalf("%v\n%s", err, c.YAML())
		}
		if diff := cmp.Diff(normal(c), normal(again)); diff != "" {
			t.Error(diff)
		}
	})
}

func ExampleLoad() {
	_, err := Load(Source{Flags: map[string]string{"listen": "0.0.0.0:80", "history-bytes": "lots"}})
	os.Stdout.WriteString(strings.ReplaceAll(err.Error(), ": ", ":\n  "))
	// Output:
	// --history-bytes:
	//   "lots" is no size:
	//   write bytes as 4096, 512KiB, 64MiB or 2GiB
	// --listen:
	//   listen:
	//   other machines can reach 0.0.0.0:80, and anyone could publish there:
	//   set publish_keys (or TIDINGS_PUBLISH_KEY), or say insecure if that is what you want
}
