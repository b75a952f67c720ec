package client_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http/httptest"

	"tidings/client"
	"tidings/server"
)

// exampleGateway stands in for the gateway that a program would find somewhere.
func exampleGateway() (url string, stop func()) {
	s, err := server.New(server.Options{})
	if err != nil {
		panic(err)
	}
	err = s.Socket("/shout", func(socket *server.Socket) {
		for {
			m, err := socket.Receive()
			if err != nil {
				return
			}
			_ = socket.Send(m.Kind, bytes.ToUpper(m.Data)) // if it fails, so does the next Receive
		}
	})
	if err != nil {
		panic(err)
	}
	web := httptest.NewServer(s)
	return web.URL, func() { _ = s.Close(); web.CloseClientConnections(); web.Close() }
}

func ExampleClient_Publish() {
	url, stop := exampleGateway()
	defer stop()

	c, err := client.New(url, client.Options{})
	if err != nil {
		panic(err)
	}
	receipt, err := c.Publish(context.Background(), "weather/paris", []byte("Rain from noon"), client.PublishOptions{})
	if err != nil {
		panic(err)
	}
	fmt.Println(receipt.Topic, receipt.Seq, receipt.Durability)
	// Output: weather/paris 1 memory
}

func ExampleClient_Follow() {
	url, stop := exampleGateway()
	defer stop()

	ctx := context.Background()
	c, err := client.New(url, client.Options{})
	if err != nil {
		panic(err)
	}
	for _, forecast := range []string{"Rain from noon", "Sunny"} {
		if _, err := c.Publish(ctx, "weather/paris", []byte(forecast), client.PublishOptions{}); err != nil {
			panic(err)
		}
	}
	for event, err := range c.Follow(ctx, client.FollowOptions{Topics: []string{"weather/*"}, Since: "all"}) {
		switch {
		case err != nil: // refused for good, or ctx has ended; breaks in between are mended
			panic(err)
		case event.Gap != nil:
			fmt.Println("missed something:", event.Gap.Reason)
		case event.Message != nil:
			fmt.Println(event.Message.Topic, string(event.Message.Data))
		}
		if event.Message != nil && event.Message.Seq == 2 {
			break
		}
	}
	// Output:
	// weather/paris Rain from noon
	// weather/paris Sunny
}

func ExampleDial() {
	url, stop := exampleGateway()
	defer stop()

	socket, err := client.Dial(context.Background(), url+"/shout", client.DialOptions{})
	if err != nil {
		panic(err)
	}
	if err := socket.Send(client.Text, []byte("is anybody there?")); err != nil {
		panic(err)
	}
	answer, err := socket.Receive()
	if err != nil {
		panic(err)
	}
	fmt.Println(string(answer.Data))

	_ = socket.Close(1000, "")
	<-socket.Context().Done() // everything that was sent has arrived, and the handler knows
	fmt.Println(context.Cause(socket.Context()))
	// Output:
	// IS ANYBODY THERE?
	// socket closed with 1000
}
