package commands

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
)

// judges know what a command has to do. The first whose expression matches judges; a command that none matches fails the test.
// A setting of the environment before a command does not count.
var judges = []struct {
	of    *regexp.Regexp
	judge func(v *visit, text string)
}{
	{regexp.MustCompile(`^make run$`), (*visit).runs},
	// What runs tests, linters and measurements would run this test again, or take minutes: that it exists is what is tested.
	{regexp.MustCompile(`^(make|npm|go test|go generate|cd|\.ci/run)\b`), (*visit).exists},
	{regexp.MustCompile(`^tidings( serve( .*)?)?$`), (*visit).serves},
	{regexp.MustCompile(`^go run \./examples/embed$`), (*visit).embeds},
	{regexp.MustCompile(`^go run \./examples/echo$`), (*visit).echoes},
	{regexp.MustCompile(`^go run \./examples/(chat|upload)$`), (*visit).opens},
	{regexp.MustCompile(`^go run \./examples/(news|weather)\b.* --once\b`), (*visit).ends},
	{regexp.MustCompile(`^go run \./examples/(news|weather)\b`), (*visit).publishes},
	{regexp.MustCompile(`^(curl -N|tidings follow) `), (*visit).follows},
	{regexp.MustCompile(`^tail -f app\.log \| tidings publish \S+ --lines$`), (*visit).copies},
	{regexp.MustCompile(`^tidings publish `), (*visit).stores},
	{regexp.MustCompile(`^tidings (config|version)\b`), (*visit).says},
	{regexp.MustCompile(`^tidings exec `), (*visit).execs},
	{regexp.MustCompile(`^(echo hello \| )?tidings socket `), (*visit).talks},
	{regexp.MustCompile(`^tidings bench `), (*visit).measures},
	{regexp.MustCompile(`^curl .*/pressure$`), (*visit).presses},
	{regexp.MustCompile(`^curl .*-d `), (*visit).receives},
	{regexp.MustCompile(`^printf .* \| curl .*--data-binary @- `), (*visit).receivesMany},
	{regexp.MustCompile(`^curl -I `), (*visit).heads},
	{regexp.MustCompile(`^curl -X DELETE `), (*visit).deletes},
	{regexp.MustCompile(`^curl "[^ ]+/explain\?topic=`), (*visit).explains},
	{regexp.MustCompile(`^curl "?[^ ]+"?$`), (*visit).polls},
}

var settings = regexp.MustCompile(`^([A-Z_]+=\S+ )+`)

func (v *visit) judge(text string) {
	v.t.Helper()
	for _, j := range judges {
		if j.of.MatchString(settings.ReplaceAllString(text, "")) {
			j.judge(v, text)
			return
		}
	}
	v.t.Fatal("no judge knows what this command has to do: give it one in judge_test.go")
}

// building is held by the one that writes bin.
var building sync.Mutex

// runs starts everything that a developer looks at, at another address.
func (v *visit) runs(text string) {
	building.Lock()
	defer building.Unlock()
	at := free(v.t)
	p := v.tools.start(v.t, v.dir, text, "TIDINGS_ADDR="+at)
	p.until("it says what to open", func() bool { return strings.Contains(p.out.text(), "Open http://"+at+"/") })
	for path, want := range map[string]string{"/": "<html", "/tidings.js": "tidings", "/livez": ""} {
		if got := v.get("http://" + at + path); !strings.Contains(strings.ToLower(got), want) {
			v.t.Errorf("%s: %.300s", path, got)
		}
	}
	for _, topics := range []string{"weather/*", "news/*"} {
		p.until(topics, func() bool { return len(v.poll("http://"+at, topics, "all").Items) > 0 })
	}
	p.interrupt()
}

// serves leaves a gateway running, which the commands that follow in the block then mean.
func (v *visit) serves(text string) {
	p := v.start(v.local(text))
	v.url = v.address(p)
	v.get(v.url + "/readyz")
	v.serving = append(v.serving, p)
}

// embeds leaves the example running. Its address would be a fixed one.
func (v *visit) embeds(text string) {
	p := v.start(text + " --listen " + v.embed)
	if got := v.address(p); got != "http://"+v.embed {
		v.t.Errorf("it says %s", got)
	}
	if page := v.get("http://" + v.embed + "/"); !strings.Contains(page, "/push/tidings.js") {
		v.t.Errorf("the page is %s", page)
	}
	v.serving = append(v.serving, p)
}

// opens looks at the page of an example that has one with sockets.
func (v *visit) opens(text string) {
	p := v.start(text + " --listen " + v.embed)
	if got := v.address(p); got != "http://"+v.embed {
		v.t.Errorf("it says %s", got)
	}
	if page := v.get("http://" + v.embed + "/"); !strings.Contains(page, "new tidings.Socket(") {
		v.t.Errorf("the page is %s", page)
	}
	v.serving = append(v.serving, p)
}

// echoes leaves the example running, where the page's measurement looks for it.
func (v *visit) echoes(text string) {
	p := v.start(text + " --listen " + v.embed)
	p.until("it says where it listens", func() bool { return strings.Contains(p.out.text(), "ws://"+v.embed+"/echo") })
	v.serving = append(v.serving, p)
}

// toGateway gives an example the test's gateway: it looks for one at a fixed address.
func (v *visit) toGateway(text string) string {
	if strings.Contains(text, "--gateway") {
		return text
	}
	return text + " --gateway " + v.url
}

func (v *visit) ends(text string) { v.start(v.toGateway(v.local(text))).finish() }

var example = regexp.MustCompile(`\./examples/([a-z]+)`)

// publishes runs an example until it has published.
func (v *visit) publishes(text string) {
	topics := example.FindStringSubmatch(text)[1] + "/*"
	before := v.poll(v.url, topics, "all").Cursor
	p := v.start(v.toGateway(v.local(text)))
	p.until("a message in "+topics, func() bool { return len(v.poll(v.url, topics, before).Items) > 0 })
	p.interrupt()
}

var (
	followed  = regexp.MustCompile(`tidings follow ['"]?([^'"\s]+)`)
	requested = regexp.MustCompile(`((?:http://)?[^\s"']+)/topics/([^\s"'?]+)`)
)

// follows publishes until the command prints it. What was published before has to be there too if it is asked for.
func (v *visit) follows(text string) {
	text = v.local(text)
	base, topic := v.url, ""
	if m := followed.FindStringSubmatch(text); m != nil {
		topic = m[1]
	} else if m := requested.FindStringSubmatch(text); m != nil {
		base, topic = "http://"+strings.TrimPrefix(m[1], "http://"), m[2]
	} else {
		v.t.Fatal("no topic is followed")
	}
	had := v.last[topic]
	topic = strings.NewReplacer("**", "some/where", "*", "somewhere").Replace(topic)
	p := v.start(text)
	n := 0
	p.until("a message", func() bool {
		n++
		v.publish(base, topic, fmt.Sprintf("message %d here", n))
		return regexp.MustCompile(`message \d+ here`).MatchString(p.out.text())
	})
	if regexp.MustCompile(`since[= ]all`).MatchString(text) && !strings.Contains(p.out.text(), had) {
		v.t.Errorf("%q is not in %s", had, p.out.text())
	}
	p.interrupt()
}

// copies appends to a log and finds its lines in a topic.
func (v *visit) copies(text string) {
	topic := strings.Fields(text)[6]
	p := v.start(text)
	n := 0
	p.until("a line as a message", func() bool {
		n++
		v.put("app.log", fmt.Sprintf("line %d\n", n))
		return len(v.poll(v.url, topic, "all").Items) > 0
	})
	p.interrupt()
}

var stored = regexp.MustCompile(`tidings publish (\S+) '([^']+)'`)

// stores publishes from a terminal: the cursor that is printed is the message's.
func (v *visit) stores(text string) {
	m := stored.FindStringSubmatch(text)
	if m == nil {
		v.t.Fatal("no message is published")
	}
	v.holds(v.url, m[1], strings.TrimSpace(v.start(text).finish()), m[2])
}

func (v *visit) says(text string) {
	if v.start(text).finish() == "" {
		v.t.Error("it says nothing")
	}
}

var (
	measurement = regexp.MustCompile(`^tidings bench ([a-z]+)`)
	watched     = regexp.MustCompile(`--pid (?:"[^"]*"|\S+)`)
	drawn       = regexp.MustCompile(`--svg (\S+)`)
)

// shorter are the flags with which a measurement takes a second.
var shorter = map[string]string{
	"idle": "--connections 20 --hold 1ms", "fanout": "--followers 20 --for 1s", "publish": "--connections 4 --for 1s",
	"storm": "--clients 20 --for 1s", "slow": "--stalled 5 --followers 5 --for 1s", "echo": "--connections 4 --for 1s",
}

// measures runs a measurement, shorter than the page has it, at the gateway: nothing is lost, and there is a report.
func (v *visit) measures(text string) {
	m := measurement.FindStringSubmatch(text)
	if m == nil || shorter[m[1]] == "" {
		v.t.Fatal("this is no measurement")
	}
	if file := drawn.FindStringSubmatch(text); file != nil {
		text = strings.Replace(text, file[1], filepath.Join(v.t.TempDir(), "latency.svg"), 1)
	}
	// The shell stands for the server: what it uses does not matter here.
	text = watched.ReplaceAllLiteralString(v.local(text), "--pid $$")
	if got := v.start(text + " " + shorter[m[1]]).finish(); !strings.Contains(got, m[1]) {
		v.t.Errorf("the report is %s", got)
	}
}

var (
	given  = regexp.MustCompile(`-d (?:"([^"]*)"|'([^']*)')`)
	bearer = regexp.MustCompile(`-H "Authorization: Bearer [^"]+" `)
)

// receipt is an answer to a publish. Pointers: what is not there is a mistake, too.
type receipt struct {
	Topic      string  `json:"topic"`
	Cursor     string  `json:"cursor"`
	Seq        uint64  `json:"seq"`
	Prev       *uint64 `json:"prev"`
	Durability string  `json:"durability"`
	Followers  *int    `json:"followers"`
	Duplicate  *bool   `json:"duplicate"`
	Status     int     `json:"status"`
}

func (v *visit) check(r receipt) {
	v.t.Helper()
	if !strings.HasSuffix(r.Cursor, fmt.Sprintf("-%d", r.Seq)) || r.Seq == 0 || r.Prev == nil || *r.Prev >= r.Seq ||
		r.Durability != "memory" || r.Followers == nil || r.Duplicate == nil || *r.Duplicate {
		v.t.Errorf("the receipt is %+v", r)
	}
}

// receives publishes: the receipt is whole, and a poll has the message. Where a key is given, it goes with it only.
func (v *visit) receives(text string) {
	at, data := requested.FindStringSubmatch(text), given.FindStringSubmatch(text)
	if at == nil || data == nil {
		v.t.Fatal("no message is published")
	}
	if keyless := bearer.ReplaceAllString(text, ""); keyless != text {
		p := v.start(v.local(keyless))
		if p.await(); p.err == nil || !strings.Contains(p.out.text(), "401") {
			v.t.Errorf("without the key: %v\n%s", p.err, p.out.text())
		}
	}
	var r receipt
	if err := json.Unmarshal([]byte(v.start(v.local(text)).finish()), &r); err != nil {
		v.t.Fatal(err)
	}
	v.check(r)
	if r.Topic != at[2] {
		v.t.Errorf("published to %s", r.Topic)
	}
	v.last[r.Topic] = data[1] + data[2]
	v.holds(v.url, r.Topic, r.Cursor, data[1]+data[2])
}

// holds compares the newest message of a topic.
func (v *visit) holds(base, topic, cursor, data string) {
	v.t.Helper()
	a := v.poll(base, topic, "latest")
	if len(a.Items) != 1 {
		v.t.Fatalf("%s has %+v", topic, a)
	}
	got := string(a.Items[0].Data)
	if text := ""; json.Unmarshal(a.Items[0].Data, &text) == nil {
		got = text
	}
	if got != data && got != strings.ReplaceAll(data, " ", "") || !strings.HasSuffix(cursor, fmt.Sprintf("-%d", a.Items[0].Seq)) {
		v.t.Errorf("%s has %s at %d, want %s at %s", topic, got, a.Items[0].Seq, data, cursor)
	}
}

func (v *visit) receivesMany(text string) {
	var answer struct{ Results []receipt }
	if err := json.Unmarshal([]byte(v.start(v.local(text)).finish()), &answer); err != nil {
		v.t.Fatal(err)
	}
	if len(answer.Results) < 2 {
		v.t.Errorf("%d results", len(answer.Results))
	}
	for _, r := range answer.Results {
		if v.check(r); r.Status != 201 {
			v.t.Errorf("%s: status %d", r.Topic, r.Status)
		}
	}
}

func (v *visit) heads(text string) {
	got := v.start(v.local(text)).finish()
	for _, name := range []string{"Tidings-Cursor", "Tidings-Count", "Tidings-Bytes", "Tidings-Followers"} {
		if !regexp.MustCompile(`(?mi)^` + name + `: \S`).MatchString(got) {
			v.t.Errorf("no %s in\n%s", name, got)
		}
	}
}

func (v *visit) deletes(text string) {
	var r receipt
	if err := json.Unmarshal([]byte(v.start(v.local(text)).finish()), &r); err != nil {
		v.t.Fatal(err)
	}
	if r.Seq == 0 || r.Topic == "" {
		v.t.Errorf("the receipt is %+v", r)
	}
	if a := v.poll(v.url, r.Topic, "latest"); len(a.Items) > 0 {
		v.t.Errorf("%s still has %+v", r.Topic, a)
	}
}

func (v *visit) polls(text string) {
	text = v.local(text)
	var a answer
	if err := json.Unmarshal([]byte(v.start(text).finish()), &a); err != nil {
		v.t.Fatal(err)
	}
	if topic := requested.FindStringSubmatch(text)[2]; a.Cursor == "" || len(a.Items) == 0 || a.Items[len(a.Items)-1].Topic != topic {
		v.t.Errorf("answered %+v", a)
	}
}

var wished = regexp.MustCompile(`"level":"(\w+)"`)

// presses asks for the level of pressure, or sets it.
func (v *visit) presses(text string) {
	var state struct {
		Level string
		Fixed bool
	}
	if err := json.Unmarshal([]byte(v.start(v.local(text)).finish()), &state); err != nil {
		v.t.Fatal(err)
	}
	level, fixed := "", false
	if m := wished.FindStringSubmatch(text); m != nil && m[1] != "auto" {
		level, fixed = m[1], true
	}
	if state.Level == "" || state.Fixed != fixed || fixed && state.Level != level {
		v.t.Errorf("the level is %+v", state)
	}
}

func (v *visit) explains(text string) {
	var e struct {
		Address string
		Offer   struct{ Transports []string }
	}
	if err := json.Unmarshal([]byte(v.start(v.local(text)).finish()), &e); err != nil {
		v.t.Fatal(err)
	}
	if e.Address == "" || len(e.Offer.Transports) == 0 {
		v.t.Errorf("it says %+v", e)
	}
}

// exists holds that a command which is not run has all it names.
func (v *visit) exists(text string) {
	words := strings.Fields(settings.ReplaceAllString(text, ""))
	dir := v.dir
	if words[0] == "cd" && len(words) > 3 && words[2] == "&&" {
		dir, words = filepath.Join(dir, words[1]), words[3:]
	}
	switch words[0] {
	case "make":
		// Asked for nothing but what it would do.
		v.tools.start(v.t, dir, "make -n "+strings.Join(words[1:], " ")).finish()
	case "go":
		v.packages(words)
	case "npm":
		v.script(words)
	case "node":
		for _, word := range words[1:] {
			if _, err := os.Stat(filepath.Join(dir, word)); err != nil && !strings.HasPrefix(word, "-") {
				v.t.Error(err)
			}
		}
	case ".ci/run":
		if info, err := os.Stat(filepath.Join(root, ".ci", "run")); err != nil || info.Mode()&0o111 == 0 {
			v.t.Errorf(".ci/run cannot be run: %v", err)
		}
	default:
		v.t.Fatal("this is not known to exist")
	}
}

// packages holds that the packages exist that a go command names, and tests or benchmarks of the name it asks for.
func (v *visit) packages(words []string) {
	var packages, names []string
	for i, word := range words {
		switch {
		case strings.HasPrefix(word, "./"):
			packages = append(packages, word)
		case word == "-run" || word == "-bench":
			if name := strings.Trim(words[i+1], `'"`); name != "^$" {
				names = append(names, name)
			}
		}
	}
	list := exec.CommandContext(v.t.Context(), "go", append([]string{"list"}, packages...)...)
	list.Dir = root
	if out, err := list.CombinedOutput(); err != nil || len(packages) == 0 {
		v.t.Errorf("packages %v: %v\n%s", packages, err, out)
	}
	for _, name := range names {
		list := exec.CommandContext(v.t.Context(), "go", append([]string{"test", "-list", name}, packages...)...)
		list.Dir = root
		if out, err := list.CombinedOutput(); err != nil || !regexp.MustCompile(`(?m)^(Test|Benchmark)`).Match(out) {
			v.t.Errorf("nothing is named %s: %v\n%s", name, err, out)
		}
	}
}

// script holds that the script exists that npm is asked for, in the directory of --prefix or else the page's.
func (v *visit) script(words []string) {
	dir := filepath.Dir(filepath.FromSlash(v.page.path))
	words = words[1:]
	if words[0] == "--prefix" && len(words) > 2 {
		dir, words = words[1], words[2:]
	}
	text, err := os.ReadFile(filepath.Join(root, dir, "package.json"))
	if err != nil {
		v.t.Fatal(err)
	}
	var described struct{ Scripts map[string]string }
	if err := json.Unmarshal(text, &described); err != nil {
		v.t.Fatal(err)
	}
	if name := words[len(words)-1]; described.Scripts[name] == "" && name != "ci" {
		v.t.Errorf("%s/package.json has no script %s", dir, name)
	}
}
