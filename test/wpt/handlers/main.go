// Handlers serves the web-platform-tests for WebSocket, and what they talk to: their handlers, written again on sockets of this gateway,
// which is embedded in it. It prints its ports as JSON and serves until it is ended.
package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"
)

// The names that the tests are served under, which the browser is told to look for here.
const (
	host        = "web-platform.test"
	otherHost   = "not-web-platform.test"
	unicodeHost = "xn--n8j6ds53lwwkrqhv28a." + host
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	tests := flag.String("wpt", "", "folder of the web-platform-tests")
	client := flag.String("client", "", "script that takes the place of WebSocket in workers")
	flag.Parse()

	p := &pages{files: os.DirFS(*tests)}
	if *client != "" {
		text, err := os.ReadFile(*client)
		if err != nil {
			return err
		}
		p.client = string(text)
	}

	plain, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	certificate, err := selfSigned()
	if err != nil {
		return err
	}
	ports := map[string]string{"http": port(plain), "https": port(listener)}
	p.fields = map[string]string{
		"host": host, "hosts[alt][]": otherHost,
		"ports[ws][0]": ports["http"], "ports[wss][0]": ports["https"], "ports[http][0]": ports["http"], "ports[https][0]": ports["https"],
	}
	gateway, err := install()
	if err != nil {
		return err
	}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p.serves(r.URL.Path) {
			p.ServeHTTP(w, r)
		} else {
			below{gateway}.ServeHTTP(w, r)
		}
	})
	failed := make(chan error, 2)
	go func() { failed <- (&http.Server{Handler: handler}).Serve(plain) }()
	go func() {
		secure := &http.Server{Handler: handler, TLSConfig: &tls.Config{Certificates: []tls.Certificate{certificate}}, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0)}
		failed <- secure.ServeTLS(listener, "", "")
	}()
	if err := json.NewEncoder(os.Stdout).Encode(ports); err != nil {
		return err
	}
	return <-failed
}

func port(l net.Listener) string { return strconv.Itoa(l.Addr().(*net.TCPAddr).Port) }

// selfSigned makes a certificate that lives as long as this process. Nobody can check it: the browser is told to believe any.
func selfSigned() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{host, "*." + host, otherHost},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}
