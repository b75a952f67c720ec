package proxies

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"tidings/transport/websocket"
)

// outcome is how a transport fares behind a proxy.
type outcome string

const (
	prompt  outcome = "prompt"  // what is said arrives before anything else happens
	held    outcome = "held"    // it arrives only once the gateway ends the answer
	missed  outcome = "missed"  // the answer ends as it should and does not have it
	cut     outcome = "cut"     // the proxy ends it
	refused outcome = "refused" // it never begins
)

// way is how a client follows a topic.
type way struct {
	topic  string
	number int  // of followers that the gateway gets to see
	greets bool // whether it begins with a hello
	// follow goes on until the gateway, the proxy or ctx ends it.
	follow func(ctx context.Context, p *passage)
}

// ways are the first columns of the table.
var ways = []way{
	{"websocket", 1, true, followWebSocket},
	{"sse", 1, true, func(ctx context.Context, p *passage) {
		p.stream(open(ctx, http.MethodGet, p.url("wrap=1"), nil, "Accept: text/event-stream", browser))
	}},
	{"stream", 1, true, func(ctx context.Context, p *passage) {
		p.stream(open(ctx, http.MethodGet, p.url(""), nil, "Accept: application/x-ndjson", browser))
	}},
	{"post-stream", 1, true, func(ctx context.Context, p *passage) {
		body := `{"follow":[{"topic":"` + p.topic + `","since":"now"}],"transport":"stream","tick":200}`
		p.stream(open(ctx, http.MethodPost, "http://"+p.proxy+"/follow", strings.NewReader(body), "Content-Type: text/plain", browser))
	}},
	{"longpoll", 1, false, followLongPoll},
	{"longpolls", 2, false, func(ctx context.Context, p *passage) {
		var both sync.WaitGroup
		for range 2 {
			both.Go(func() { followLongPoll(ctx, p) })
		}
		both.Wait()
	}},
}

// browser is how a browser asks. What nobody asked to be compressed must not be.
const browser = "Accept-Encoding: gzip, deflate"

func followWebSocket(ctx context.Context, p *passage) {
	d := websocket.Dialer{Protocols: []string{websocket.Protocol}}
	c, err := d.Dial(ctx, "ws"+strings.TrimPrefix(p.url(""), "http"))
	if err != nil {
		p.fails(false)
		return
	}
	defer context.AfterFunc(ctx, func() { _ = c.SetReadDeadline(time.Unix(1, 0)) })()
	for {
		data, _, err := c.Read()
		if err != nil {
			return
		}
		p.hears(string(data))
	}
}

func followLongPoll(ctx context.Context, p *passage) {
	p.stream(open(ctx, http.MethodGet, p.url("wait=55"), nil, browser))
}

// passage is a client's follow on its way through a proxy.
type passage struct {
	*way
	proxy string
	ended chan struct{}

	mu      sync.Mutex
	changed sync.Cond // something below has
	greeted bool      // guarded by mu, as the rest
	got     int       // messages
	over    bool      // ended is closed
	broken  bool      // the proxy ended it, or never let it begin
	open    bool      // it began
}

// begin starts a follow of each way.
func begin(ctx context.Context, proxy string) (all []*passage) {
	for i := range ways {
		p := &passage{way: &ways[i], proxy: proxy, ended: make(chan struct{})}
		p.changed.L = &p.mu
		all = append(all, p)
		go func() {
			defer close(p.ended)
			p.follow(ctx, p)
			p.note(func() { p.over = true })
		}()
	}
	return all
}

// url is that of the topic. A client that is not sure of the way asks for a tick, too.
func (p *passage) url(query string) string {
	return "http://" + p.proxy + "/topics/" + p.topic + "?since=now&tick=200&" + query
}

func (p *passage) note(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
	p.changed.Broadcast()
}

func (p *passage) fails(begun bool) { p.note(func() { p.broken, p.open = true, p.open || begun }) }

// hears takes what has arrived.
func (p *passage) hears(text string) {
	p.note(func() {
		p.open = true
		p.greeted = p.greeted || strings.Contains(text, `{"hello":`)
		p.got += strings.Count(text, `"data":"`+said+`"`)
	})
}

// stream reads an answer line by line.
func (p *passage) stream(resp *http.Response, err error) {
	if err != nil {
		p.fails(false)
		return
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		p.fails(resp.StatusCode == http.StatusGatewayTimeout)
		return
	}
	body, err := plain(resp)
	if err != nil {
		p.fails(true)
		return
	}
	for lines := bufio.NewReader(body); ; {
		line, err := lines.ReadString('\n')
		p.hears(line)
		if err != nil {
			if err != io.EOF {
				p.fails(true)
			}
			return
		}
	}
}

// await waits until a condition on p holds, or in vain.
func (p *passage) await(holds func() bool) {
	deadline := time.AfterFunc(patience, func() { p.note(func() {}) })
	defer deadline.Stop()
	until := time.Now().Add(patience)
	p.mu.Lock()
	defer p.mu.Unlock()
	for !holds() && time.Now().Before(until) {
		p.changed.Wait()
	}
}

func (p *passage) complete() bool { return p.got == p.number }

// said is the message that all wait for.
const said = "Rain from noon"

// trial is one setup under test.
type trial struct {
	t     *testing.T
	site  *site
	proxy string
}

// follows finds how each way fares. It waits for what is expected of it, and for nothing else: what is expected to be held has to
// come when the gateway has ended the answer, and not before.
func (x *trial) follows(want []outcome) (found []outcome) {
	ctx, cancel := context.WithCancel(x.t.Context())
	defer cancel()
	all := begin(ctx, x.proxy)
	for i, p := range all {
		switch {
		case want[i] == cut || want[i] == refused:
			p.await(func() bool { return p.over })
		case want[i] == missed:
			x.until(func() bool { return x.site.followers(p.topic) != "0" })
		case want[i] == prompt && p.greets:
			p.await(func() bool { return p.greeted || p.over })
		default:
			x.until(func() bool { return x.site.followers(p.topic) == strconv.Itoa(p.number) })
		}
	}
	x.fence()
	greeted := make([]bool, len(all))
	for i, p := range all {
		p.note(func() { greeted[i] = p.greeted || !p.greets })
		x.site.publish(p.topic, said)
	}
	for i, p := range all {
		if want[i] == prompt {
			p.await(func() bool { return p.complete() || p.over })
		}
	}
	x.fence()
	found = make([]outcome, len(all))
	for i, p := range all {
		p.note(func() {
			switch {
			case p.complete() && greeted[i]:
				found[i] = prompt
			case p.broken && p.open || p.over && p.greets && p.open:
				found[i] = cut // no follower has been told to go
			case p.over:
				found[i] = refused
			}
		})
	}
	x.site.stop()
	for i, p := range all {
		p.await(func() bool { return p.over })
		p.note(func() {
			switch {
			case found[i] != "":
			case p.complete():
				found[i] = held
			default:
				found[i] = missed
			}
		})
	}
	cancel()
	for _, p := range all {
		<-p.ended
	}
	return found
}

// fence asks through the proxy for something that is answered at once, some times over: whatever the proxy had to pass on before, it
// has.
func (x *trial) fence() {
	x.t.Helper()
	for range 10 {
		ask(x.t, http.MethodGet, "http://"+x.proxy+"/livez", "")
	}
}

// until waits for a condition, or in vain.
func (x *trial) until(holds func() bool) {
	for deadline := time.Now().Add(patience); !holds() && time.Now().Before(deadline); {
		select {
		case <-time.After(10 * time.Millisecond):
		case <-x.t.Context().Done():
		}
	}
}

// poll finds whether what is published between two polls is in the second.
func (x *trial) poll(outcome) outcome {
	url := "http://" + x.proxy + "/topics/poll"
	if a := ask(x.t, http.MethodGet, url, "", browser); a.StatusCode != http.StatusOK {
		return refused
	}
	x.site.publish("poll", said)
	if a := ask(x.t, http.MethodGet, url, "", browser); !strings.Contains(a.body, said) {
		return held
	}
	return prompt
}

func (x *trial) publish(outcome) outcome {
	a := ask(x.t, http.MethodPost, "http://"+x.proxy+"/topics/publish", said)
	if a.StatusCode != http.StatusCreated || !x.site.has("publish", said) {
		return refused
	}
	return prompt
}

// batch finds whether a batch's first line is applied while its second is still to come.
func (x *trial) batch(want outcome) outcome {
	body, lines := io.Pipe()
	status := make(chan int, 1)
	go func() {
		resp, err := open(x.t.Context(), http.MethodPost, "http://"+x.proxy+"/topics", body, "Content-Type: application/x-ndjson")
		if err != nil {
			_ = body.CloseWithError(err)
			status <- 0
			return
		}
		defer resp.Body.Close()
		status <- resp.StatusCode
	}()
	if _, err := io.WriteString(lines, `{"topic":"batch","data":"`+said+`"}`+"\n"); err != nil {
		return refused
	}
	if want == prompt {
		x.until(func() bool { return x.site.has("batch", said) })
	}
	x.fence()
	early := x.site.has("batch", said)
	_ = lines.Close()
	switch got := <-status; {
	case got != http.StatusOK || !x.site.has("batch", said):
		return refused
	case early:
		return prompt
	}
	return held
}
