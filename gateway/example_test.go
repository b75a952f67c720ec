package gateway_test

import (
	"context"
	"fmt"

	"tidings/gateway"
	"tidings/gateway/journal/memory"
)

// printer is a peer that prints what it is sent.
type printer struct{ served chan struct{} }

var asText = &gateway.Format{Name: "text", Append: func(dst []byte, m *gateway.Message) []byte {
	return fmt.Appendf(dst, "%s: %s\n", m.Topic, m.Data)
}}

func (p *printer) Greeting(parts [][]byte, _ gateway.Cursor) [][]byte { return parts }

func (p *printer) AppendNotice(dst []byte, n gateway.Notice) ([]byte, error) {
	if n.Kind == gateway.NoticeGap {
		return fmt.Appendf(dst, "%s: %d to %d are missing\n", n.Topic, n.From, n.To), nil
	}
	return dst, nil
}

func (p *printer) Write(b *gateway.Batch) (int, error) {
	for _, part := range b.Parts {
		fmt.Printf("%s", part)
	}
	close(p.served) // both messages come in one batch
	return b.Bytes, nil
}

func (p *printer) Close(reason gateway.Reason, _ gateway.Cursor, _ []byte) {
	fmt.Println("closed:", reason)
}

// A message is published, read by a poll, and followed from the first one on.
func Example() {
	g, err := gateway.New(gateway.Options{Journal: memory.New()})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer g.Close()

	ctx := context.Background()
	for _, text := range []string{"rain", "sun"} {
		if _, err := g.Publish(ctx, gateway.Draft{Topic: "weather/paris", Data: []byte(text)}); err != nil {
			fmt.Println(err)
		}
	}

	pattern, _ := gateway.ParsePattern("weather/*")
	poll, _ := g.Start([]gateway.Follow{{Pattern: pattern, Since: gateway.Since{Kind: gateway.SinceLast, N: 1}}})
	for _, item := range g.Read(poll, 10, 1<<20).Items {
		fmt.Printf("polled %s\n", item.Message.Data)
	}

	start, _ := g.Start([]gateway.Follow{{Pattern: pattern, Since: gateway.Since{Kind: gateway.SinceAll}}})
	p := &printer{served: make(chan struct{})}
	follower, terms := new(gateway.Follower), &gateway.Terms{Format: asText}
	if err := g.Follow(follower, gateway.FollowOptions{Start: start, Peer: p, Terms: terms}); err != nil {
		fmt.Println(err)
	}
	<-p.served
	_ = g.Drain(ctx)

	// Output:
	// polled sun
	// weather/paris: rain
	// weather/paris: sun
	// closed: draining
}
