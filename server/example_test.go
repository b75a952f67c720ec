package server_test

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"tidings/gateway"
	"tidings/server"
)

// A program with a gateway of its own: the gateway answers below /push, and the program publishes without HTTP.
func Example() {
	push, err := server.New(server.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer push.Close()
	mux := http.NewServeMux()
	mux.Handle("/push/", http.StripPrefix("/push", push))
	web := httptest.NewServer(mux)
	defer web.Close()

	_, err = push.Gateway().Publish(context.Background(), gateway.Draft{Topic: "weather/paris", Data: []byte("Rain from noon")})
	if err != nil {
		fmt.Println(err)
		return
	}

	request, _ := http.NewRequest(http.MethodGet, web.URL+"/push/topics/weather/paris?since=all", nil)
	request.Header.Set("Accept", "text/event-stream")
	answer, err := web.Client().Do(request)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer answer.Body.Close()
	for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
		if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
			fmt.Println(data)
			break
		}
	}
	// Output: Rain from noon
}
