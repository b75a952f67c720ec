package commands

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// visit is one reader of one page, who has a gateway running and types command after command.
type visit struct {
	t     *testing.T
	tools tools
	page  page
	dir   string // where the commands are typed

	gateway *process // that of the page
	url     string   // of the gateway that commands mean now
	embed   string   // address of examples/embed
	world   string   // URL of a server that stands for the public ones

	serving []*process        // by commands of this block
	last    map[string]string // topic → what a command has published to it
}

var said = regexp.MustCompile(`http://127\.0\.0\.1:\d+`)

func newVisit(t *testing.T, d tools, p page) *visit {
	v := &visit{t: t, tools: d, page: p, dir: root, embed: free(t), world: newWorld(t), last: map[string]string{}}
	if p.path == "docs/command-line.md" || p.path == "docs/configuration.md" {
		// Their reader is not in the repository, but where a configuration is, and a log of some program.
		v.dir = t.TempDir()
		example, err := os.ReadFile(filepath.Join(root, "configs", "tidings.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		v.put("tidings.yaml", string(example))
		v.put("app.log", "")
	}
	if p.path == "docs/exec.md" || p.path == "examples/exec/README.md" {
		v.dir = filepath.Join(root, "examples", "exec") // where its programs are
	}
	v.gateway = v.start("tidings serve --listen 127.0.0.1:0")
	v.url = v.address(v.gateway)
	return v
}

func (v *visit) put(name, text string) {
	v.t.Helper()
	f, err := os.OpenFile(filepath.Join(v.dir, name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		v.t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		v.t.Fatal(err)
	}
}

// newWorld stands for the servers in the world that pages name: a feed, and a weather service.
func newWorld(t *testing.T) string {
	world := http.NewServeMux()
	world.HandleFunc("GET /feed.xml", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `<rss version="2.0"><channel><title>Elsewhere</title><item><title>Tea</title><guid>1</guid></item></channel></rss>`)
	})
	world.HandleFunc("GET /v1/forecast", func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("latitude") != "45.76" || r.FormValue("longitude") != "4.84" {
			http.Error(w, "not Lyon", http.StatusNotFound)
			return
		}
		fmt.Fprint(w, `{"utc_offset_seconds":3600,"current_units":{"temperature_2m":"°C","wind_speed_10m":"km/h"},
			"current":{"time":"2026-11-21T09:00","temperature_2m":18.4,"relative_humidity_2m":72,"weather_code":61,"wind_speed_10m":12,"is_day":1},
			"daily":{"temperature_2m_max":[19],"temperature_2m_min":[11]}}`)
	})
	s := httptest.NewServer(world)
	t.Cleanup(s.Close)
	return s.URL
}

// elsewhere says where the test finds what a page finds in the world. Every other address there fails the test.
func (v *visit) elsewhere() *strings.Replacer {
	return strings.NewReplacer(
		"https://push.example.org", v.url, "--key …", "--key secret",
		"https://example.org/feed.xml", v.world+"/feed.xml", "--url …", "--url "+v.world+"/feed.xml",
		"https://api.open-meteo.com", v.world,
		"127.0.0.1:8090", v.embed,
	)
}

var (
	listens = regexp.MustCompile(`--listen \S+`)
	here    = regexp.MustCompile(`(localhost|127\.0\.0\.1):8080`)
	address = regexp.MustCompile(`(?:https?://|localhost:|127\.0\.0\.1:|:\d{4,5}\b)[^/\s"']*`)
)

// local gives a command the addresses of the test. Whatever it listens on is a free port of this machine alone.
func (v *visit) local(text string) string {
	v.t.Helper()
	text = listens.ReplaceAllString(text, "--listen 127.0.0.1:0")
	text = v.elsewhere().Replace(here.ReplaceAllString(text, strings.TrimPrefix(v.url, "http://")))
	for _, found := range address.FindAllString(text, -1) {
		switch host := strings.TrimPrefix(found, "http://"); host {
		case strings.TrimPrefix(v.url, "http://"), strings.TrimPrefix(v.world, "http://"), v.embed, "127.0.0.1:0":
		default:
			v.t.Fatalf("the test does not know what stands for %s", found)
		}
	}
	return text
}

func (v *visit) start(text string) *process {
	v.t.Helper()
	return v.tools.start(v.t, v.dir, text,
		// For commands that name no address.
		"TIDINGS_GATEWAY="+v.url, "TIDINGS_LISTEN=127.0.0.1:0")
}

// address waits until a process says where it listens, and answers there.
func (v *visit) address(p *process) string {
	v.t.Helper()
	url := ""
	p.until("it says where it listens", func() bool {
		url = said.FindString(p.out.text())
		if url == "" {
			return false
		}
		resp, err := http.Get(url)
		if err != nil {
			return false
		}
		resp.Body.Close()
		return true
	})
	return url
}

// leave ends what the commands of a block have left running.
func (v *visit) leave() {
	v.t.Helper()
	for _, p := range v.serving {
		p.interrupt()
	}
	v.serving = nil
	v.url = said.FindString(v.gateway.out.text())
}

// answer is a poll's.
type answer struct {
	Cursor string `json:"cursor"`
	Items  []struct {
		Topic string          `json:"topic"`
		Seq   uint64          `json:"seq"`
		Data  json.RawMessage `json:"data"`
	} `json:"items"`
}

func (v *visit) poll(base, topic, since string) (a answer) {
	v.t.Helper()
	if err := json.Unmarshal([]byte(v.get(base+"/topics/"+topic+"?since="+since)), &a); err != nil || a.Cursor == "" {
		v.t.Fatalf("poll of %s: %v", topic, err)
	}
	return a
}

func (v *visit) get(url string) string {
	v.t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		v.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		v.t.Fatalf("%s: %s %v: %.300s", url, resp.Status, err, body)
	}
	return string(body)
}

func (v *visit) publish(base, topic, data string) {
	v.t.Helper()
	resp, err := http.Post(base+"/topics/"+topic, "text/plain", strings.NewReader(data))
	if err != nil {
		v.t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusCreated {
		v.t.Fatalf("publish to %s: %s", topic, resp.Status)
	}
}
