package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"tidings/client"
	"tidings/transport"
)

type socketCmd struct {
	URL string `arg:"" name:"url" help:"The socket: ws://127.0.0.1:8080/chat, or with wss, http or https."`

	Protocol  []string `placeholder:"NAME" help:"Offer this subprotocol; may be given several times, best first."`
	Header    []string `short:"H" sep:"none" placeholder:"'NAME: VALUE'" help:"Send this header; may be given several times."`
	Transport string   `placeholder:"NAME" help:"Use this transport only: websocket, sse, stream, longpoll or poll."`
	Plain     bool     `help:"Speak RFC 6455 and nothing else."`
	Binary    bool     `help:"Send what is read as binary messages, as it comes, and print messages without a line feed behind them."`
	Keep      bool     `help:"Stay after the end of standard input, until the other side closes."`
	Count     int      `short:"n" placeholder:"N" help:"Close after N messages."`
	Verbose   bool     `short:"v" help:"Say which transport carries the socket, and how it was closed."`
}

func (c *socketCmd) run(ctx context.Context, s *session) error {
	o, err := c.options(s)
	if err != nil {
		return usageError{err}
	}
	socket, err := client.Dial(ctx, c.URL, o)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = socket.Close(1000, "") })
	defer stop()
	spoken := make(chan error, 1)
	go func() { spoken <- c.speak(s.stdin, socket) }() // where nothing more is read, it is left behind
	err = c.print(s, socket)
	<-socket.Context().Done()
	select {
	case failed := <-spoken:
		if failed != nil {
			return failed
		}
	default:
	}
	var closed *client.CloseError
	if !errors.As(err, &closed) {
		return err
	}
	if c.Verbose {
		fmt.Fprintln(s.stderr, "tidings:", closed)
	}
	switch {
	case closed.Code == 1000, closed.Code == 1005:
		return nil
	case closed.Code == 1006:
		return fmt.Errorf("%w: %w", client.ErrUnreachable, closed)
	}
	return closed
}

func (c *socketCmd) options(s *session) (o client.DialOptions, err error) {
	o = client.DialOptions{Protocols: c.Protocol, Plain: c.Plain, Header: http.Header{}, MessageBytes: -1}
	for _, line := range c.Header {
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			return o, fmt.Errorf("%q is no header such as 'Authorization: Bearer …'", line)
		}
		o.Header.Add(name, strings.TrimSpace(value))
	}
	if c.Transport != "" {
		kind, err := transport.ParseKind(c.Transport)
		if err != nil {
			return o, err
		}
		o.Transports = []transport.Kind{kind}
	}
	o.State = func(state client.State) {
		switch {
		case state.Err != nil:
			fmt.Fprintf(s.stderr, "tidings: %s: %v; again in %v\n", state.Transport, state.Err, state.Wait.Round(100*time.Millisecond))
		case c.Verbose:
			fmt.Fprintf(s.stderr, "tidings: connected by %s\n", state.Transport)
		}
	}
	return o, nil
}

// speak sends what is read: each line as a text, or all as it comes. At the end it closes.
func (c *socketCmd) speak(from io.Reader, to *client.Socket) error {
	var err error
	if c.Binary {
		err = sendChunks(from, to)
	} else {
		err = sendLines(from, to)
	}
	var closed *client.CloseError
	switch {
	case errors.As(err, &closed):
		return nil // the other side told the printer
	case err != nil:
		_ = to.Close(1000, "")
		return fmt.Errorf("standard input: %w", err)
	case !c.Keep:
		return to.Close(1000, "")
	}
	return nil
}

func sendLines(from io.Reader, to *client.Socket) error {
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		if err := to.Send(client.Text, lines.Bytes()); err != nil {
			return err
		}
	}
	return lines.Err()
}

func sendChunks(from io.Reader, to *client.Socket) error {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			if err := to.Send(client.Binary, buf[:n]); err != nil {
				return err
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
	}
}

// print prints messages while they come. It returns why none comes any more.
func (c *socketCmd) print(s *session, from *client.Socket) error {
	for n := 1; ; n++ {
		_, message, err := from.Reader()
		if err == nil {
			_, err = io.Copy(s.stdout, message)
		}
		if err == nil && !c.Binary {
			_, err = io.WriteString(s.stdout, "\n")
		}
		if n == c.Count || err != nil {
			_ = from.Close(1000, "")
			return err
		}
	}
}
