package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"tidings/transport/websocket"
)

// stage is a `tidings exec` that runs until the test ends.
type stage struct {
	t    *testing.T
	host string // of its first address
	said string // its greeting
}

func startExec(t *testing.T, args ...string) *stage {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	out := &announced{lines: make(chan string, 1)}
	var errs strings.Builder // written by one goroutine at a time, and read when it has ended
	ended := make(chan exitCode, 1)
	go func() {
		ended <- run(ctx, append([]string{"exec", "--port=0"}, args...), strings.NewReader(""), out, &errs, nil)
	}()
	t.Cleanup(func() {
		cancel()
		if code := <-ended; code != exitOK {
			t.Errorf("ended with %d: %s", code, errs.String())
		}
	})
	select {
	case said := <-out.lines:
		return &stage{t, regexp.MustCompile(`127\.0\.0\.\d:\d+`).FindString(said), said}
	case code := <-ended:
		ended <- exitOK // seen
		t.Fatalf("ended with %d: %s", code, errs.String())
	}
	return nil
}

// connect opens a socket.
func (s *stage) connect(path string, header ...string) (*websocket.ClientConn, error) {
	h := http.Header{}
	for i := 0; i < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	c, err := websocket.Dial(s.t.Context(), "ws://"+s.host+path, h, nil)
	if err == nil {
		s.t.Cleanup(func() { _ = c.Close(1000, "") }) // it may be closed already
	}
	return c, err
}

// talk says something and returns what is heard until the close, and its code.
func (s *stage) talk(path string, says ...string) (heard string, code uint16) {
	s.t.Helper()
	c, err := s.connect(path)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, text := range says {
		if err := c.Write([]byte(text), true); err != nil {
			s.t.Fatal(err)
		}
	}
	for {
		data, text, err := c.Read()
		if closed, ok := errors.AsType[*websocket.CloseError](err); ok {
			return strings.TrimSuffix(heard, "|"), closed.Code
		}
		if err != nil {
			s.t.Fatal(err)
		}
		if !text {
			heard += "binary:"
		}
		heard += string(data) + "|"
	}
}

// refused returns the status with which a socket is refused, 101 where it is not.
func (s *stage) refused(path string, header ...string) int {
	s.t.Helper()
	_, err := s.connect(path, header...)
	if refusal, ok := errors.AsType[*websocket.RefusedError](err); ok {
		return refusal.Status
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return http.StatusSwitchingProtocols
}

func (s *stage) get(path string) (status int, body string) {
	s.t.Helper()
	resp, err := http.Get("http://" + s.host + path)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

func writeFile(t *testing.T, dir, name, text string, mode os.FileMode) string {
	t.Helper()
	file := filepath.Join(dir, name)
	if err := os.WriteFile(file, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestExec(t *testing.T) {
	s := startExec(t, "sh", "-c", `read x; echo "$1 $x $PATH_INFO"; echo "$QUERY_STRING"; exit 3`, "--port=1", "--binary")
	if heard, code := s.talk("/a/b?x=1", "hello"); heard != "--binary hello /a/b|x=1" || code != 1011 {
		t.Errorf("heard %q, closed with %d", heard, code)
	}
	if status, body := s.get("/"); status != http.StatusUpgradeRequired {
		t.Errorf("a page: %d %s", status, body)
	}
	if _, body := s.get("/metrics"); !strings.Contains(body, `tidings_programs_exits_total{exit="3"} 1`) {
		t.Error("the program is not counted")
	}
}

func TestExecBinary(t *testing.T) {
	s := startExec(t, "--binary", "--", "head", "-c", "3")
	if heard, code := s.talk("/", "a", "bc"); strings.ReplaceAll(heard, "|binary:", "") != "binary:abc" || code != 1000 {
		t.Errorf("heard %q, closed with %d", heard, code)
	}
}

func TestExecDirAndStatic(t *testing.T) {
	scripts, site := t.TempDir(), t.TempDir()
	writeFile(t, scripts, "count.sh", "#!/bin/sh\necho $SCRIPT_NAME $PATH_INFO\n", 0o700)
	writeFile(t, site, "index.html", "this is the page", 0o600)
	s := startExec(t, "--dir="+scripts, "--staticdir", site)
	if !strings.Contains(s.said, "ws://"+s.host+"/PROGRAM\n") || !strings.Contains(s.said, "http://"+s.host+"/\n") {
		t.Error(s.said)
	}
	if heard, code := s.talk("/count.sh/x"); heard != "/count.sh /x" || code != 1000 {
		t.Errorf("heard %q, closed with %d", heard, code)
	}
	if got := s.refused("/nowhere"); got != http.StatusNotFound {
		t.Errorf("no program: %d", got)
	}
	if status, body := s.get("/"); status != http.StatusOK || body != "this is the page" {
		t.Errorf("a page: %d %s", status, body)
	}
	if status, body := s.get("/count.sh"); status != http.StatusNotFound {
		t.Errorf("a program as a page: %d %s", status, body)
	}
}

func TestExecConsole(t *testing.T) {
	s := startExec(t, "--devconsole", "echo", "hi")
	for path, want := range map[string]string{"/": "Tidings console", "/any/path": "Tidings console", "/tidings-console.js": "new Socket"} {
		if status, body := s.get(path); status != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("%s: %d %.100s", path, status, body)
		}
	}
	if heard, _ := s.talk("/any/path"); heard != "hi" {
		t.Errorf("heard %q", heard)
	}
}

// TestExecOrigins holds who may connect: unlike with websocketd, by default not every page.
func TestExecOrigins(t *testing.T) {
	const yes, no = http.StatusSwitchingProtocols, http.StatusForbidden
	tests := []struct {
		flags []string
		want  map[string]int
	}{
		{nil, map[string]int{"": yes, "http://HOST": yes, "http://localhost:3000": yes, "https://example.org": no, "null": no}},
		{[]string{"--sameorigin"}, map[string]int{"": yes, "http://HOST": yes, "https://example.org": no}},
		{[]string{"--origin=*"}, map[string]int{"https://example.org": yes}},
		{[]string{"--origin=null"}, map[string]int{"null": yes, "https://example.org": no}},
		{[]string{"--origin=example.org"}, map[string]int{
			"https://example.org": yes, "http://example.org:81": yes, "http://HOST": yes, "https://www.example.org": no, "null": no,
		}},
		{[]string{"--origin=https://example.org,other.example:81"}, map[string]int{
			"https://example.org": yes, "https://example.org:444": yes, "http://example.org": no, "http://other.example:81": yes, "http://other.example": no,
		}},
		{[]string{"--origin=https://example.org:443"}, map[string]int{"https://example.org": yes, "https://example.org:444": no}},
	}
	for _, test := range tests {
		s := startExec(t, append(test.flags, "true")...)
		for origin, want := range test.want {
			var header []string
			if origin = strings.ReplaceAll(origin, "HOST", s.host); origin != "" {
				header = []string{"Origin", origin}
			}
			if got := s.refused("/", header...); got != want {
				t.Errorf("%q from %q: %d, want %d", test.flags, origin, got, want)
			}
		}
	}
}

func TestExecLimits(t *testing.T) {
	for _, flag := range []string{"--max-procs=1", "--maxforks=1", "--per-address=1"} {
		s := startExec(t, flag, "cat")
		c, err := s.connect("/")
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Write([]byte("x"), true); err != nil {
			t.Fatal(err)
		}
		if _, _, err := c.Read(); err != nil { // now it runs
			t.Fatal(err)
		}
		if got := s.refused("/"); got != http.StatusServiceUnavailable {
			t.Errorf("%s: %d", flag, got)
		}
	}
	s := startExec(t, "--maxframesize=10", "cat")
	if heard, code := s.talk("/", "0123456789", "0123456789+"); heard != "0123456789" && heard != "" || code != 1009 {
		t.Errorf("heard %q, closed with %d", heard, code)
	}
	s = startExec(t, "--maxframesize=0", "--", "sh", "-c", "head -n 1 | wc -c")
	if heard, code := s.talk("/", strings.Repeat("x", 3<<20)); heard != "3145729" || code != 1000 {
		t.Errorf("heard %q, closed with %d", heard, code)
	}
}

func TestExecPassEnv(t *testing.T) {
	t.Setenv("FIRST", "1")
	t.Setenv("SECOND", "2")
	s := startExec(t, "--passenv=FIRST,PATH", "sh", "-c", `echo "<$FIRST> <$SECOND>"`)
	if heard, _ := s.talk("/"); heard != "<1> <>" {
		t.Errorf("heard %q", heard)
	}
}

func TestExecTopic(t *testing.T) {
	s := startExec(t, "--topic=clock/tick", "sh", "-c", `echo tick; sleep 1000`)
	if status, body := s.get("/topics/clock/tick?since=all&wait=55"); status != http.StatusOK || !strings.Contains(body, `"data":"tick"`) {
		t.Errorf("%d %s", status, body)
	}
	resp, err := http.Post("http://"+s.host+"/topics/clock/tick", "text/plain", strings.NewReader("x"))
	if err != nil {
		t.Fatal(err)
	}
	if resp.Body.Close(); resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("others publish: %d", resp.StatusCode)
	}
}

func TestExecAddresses(t *testing.T) {
	s := startExec(t, "--address=127.0.0.1", "--address", "[127.0.0.2]", "echo", "hi")
	if !strings.Contains(s.said, "Only this machine") {
		t.Error(s.said)
	}
	hosts := regexp.MustCompile(`ws://(\S+)/`).FindAllStringSubmatch(s.said, -1)
	if len(hosts) != 2 {
		t.Fatal(s.said)
	}
	for _, host := range hosts {
		s.host = host[1]
		if heard, _ := s.talk("/"); heard != "hi" {
			t.Errorf("%s: heard %q", s.host, heard)
		}
	}
	s = startExec(t, "--address=0.0.0.0", "echo", "hi") // others can reach it because that was asked for
	if strings.Contains(s.said, "Only this machine") || !strings.Contains(s.said, "ws://localhost:") {
		t.Error(s.said)
	}
}

// TestExecBesideConfiguration holds that a gateway may have programs by its configuration.
func TestExecBesideConfiguration(t *testing.T) {
	file := writeFile(t, t.TempDir(), "tidings.yaml", "sockets:\n- {path: /up/, exec: [sh, -c, 'echo $SCRIPT_NAME $PATH_INFO']}\n"+
		"- {topic: lines, exec: [sh, -c, 'echo one; sleep 1000']}\n", 0o600)
	s := startExec(t, "--config", file, "echo", "root")
	for path, want := range map[string]string{"/": "root", "/up/x": "/up /x"} {
		if heard, _ := s.talk(path); heard != want {
			t.Errorf("%s: heard %q", path, heard)
		}
	}
	if _, body := s.get("/topics/lines?since=all&wait=55"); !strings.Contains(body, `"data":"one"`) {
		t.Error(body)
	}
}

// TestExecMistakes holds that what is no flag is not run as a program.
func TestExecMistakes(t *testing.T) {
	for _, test := range []struct{ args, want string }{
		{"-port=9000 cat", "tidings: -port: flags have two hyphens: --port\n"},
		{"-staticdir . cat", "tidings: -staticdir: flags have two hyphens: --staticdir\n"},
		{"--prot=9000 cat", `tidings: there is no flag --prot; did you mean "port"?` + "\n"},
		{"--port=0 -x cat", "tidings: there is no flag -x\n"},
		{"--static=/not/there", "tidings: --static: open /not/there: no such file or directory\n"},
		{"-- --prot=9000", `tidings: program: there is no program "--prot=9000"`},
	} {
		var errs strings.Builder
		code := run(t.Context(), append([]string{"exec"}, strings.Fields(test.args)...), strings.NewReader(""), io.Discard, &errs, nil)
		if code != exitUsage || !strings.HasPrefix(errs.String(), test.want) {
			t.Errorf("%s: %d %s", test.args, code, errs.String())
		}
	}
}

// TestFlagsOfWebsocketd holds that every flag of websocketd is taken, or says what to do instead, and that the page which compares them has each.
func TestFlagsOfWebsocketd(t *testing.T) {
	page, err := os.ReadFile(filepath.FromSlash("../../docs/exec.md"))
	if err != nil {
		t.Fatal(err)
	}
	for flag, instead := range map[string]bool{
		"--port=80": false, "--address=127.0.0.1": false, "--sameorigin": false, "--sameorigin=true": false, "--origin=example.org": false, "--passenv=PATH": false,
		"--binary": false, "--binary=true": false, "--reverselookup": false, "--dir=.": false, "--staticdir=.": false, "--maxforks=3": false, "--maxforks=-1": false, "--closems=10": false,
		"--devconsole": false, "--loglevel=access": false, "--loglevel=trace": false, "--loglevel=fatal": false, "--maxframesize=0": false, "--pingms=5000": false,
		"--version": false, "--help": false,
		"--ssl": true, "--sslcert=x": true, "--sslkey=x": true, "--sslca=x": true, "--redirport=1": true, "--unixsocket=x": true, "--cgidir=x": true,
		"--passstderr": true, "--header=x": true, "--header-ws=x": true, "--header-http=x": true, "--license": true,
	} {
		var out, errs strings.Builder
		code := parse([]string{"exec", flag, "cat"}, &session{stdout: &out, stderr: &errs}, func(c command, _ *session) error {
			if e, ok := c.(*execCmd); !ok || flag != "--help" && strings.Join(e.Command, " ") != "cat" {
				t.Errorf("%s: the program is %q", flag, e.Command)
			}
			return nil
		})
		name, _, _ := strings.Cut(flag, "=")
		if (code == exitUsage) != instead {
			t.Errorf("%s: %d %s", flag, code, errs.String())
		}
		if instead && (!strings.HasPrefix(errs.String(), "tidings: "+name+": ") || strings.Contains(errs.String(), "unknown flag")) {
			t.Errorf("%s: %s", flag, errs.String())
		}
		if !regexp.MustCompile("(?m)^\\|[^|]*`" + name + "[ =`]").Match(page) {
			t.Errorf("docs/exec.md does not compare %s", name)
		}
	}
}
