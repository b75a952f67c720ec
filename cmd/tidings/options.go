package main

import (
	"io"
	"log/slog"
	"slices"
	"time"

	"tidings/config"
	"tidings/fallback"
	"tidings/gateway"
	"tidings/server"
	"tidings/transport"
)

// serverOptions says a configuration in the words of the server. The configuration was validated.
func serverOptions(c config.Config, log *slog.Logger) server.Options {
	o := server.Options{
		Core: gateway.Options{
			Default: gateway.Retention{
				Messages: c.History.Messages, Bytes: int64(c.History.TopicBytes), Age: time.Duration(c.History.Age),
			},
			HistoryBytes:      int64(c.History.Bytes),
			IdempotencyKeys:   c.Idempotency.Keys,
			IdempotencyWindow: time.Duration(c.Idempotency.Window),
			AppendWait:        time.Duration(c.AppendWait),
		},
		PublishKeys: c.PublishKeys, Insecure: c.Insecure, Origins: c.Origins, Hosts: c.Hosts,
		Iframe: c.Iframe, JSONP: c.JSONP,
		MessageBytes: int(c.Limits.Body), BatchBytes: int(c.Limits.Batch), FollowTopics: c.Limits.TopicsPerFollower,
		Connections: c.Limits.Connections, HeldPolls: c.Limits.HeldPolls,
		Sessions: c.Limits.Sessions, PollAway: time.Duration(c.PollAway),
		NoDeflate: !c.Compression.WebSocket, NoGzip: c.Compression.HTTP == "off",
		GzipStreams: c.Compression.HTTP == "on", DeflateFrom: int(c.Compression.From),
		DrainTimeout: time.Duration(c.Drain), Ping: time.Duration(c.Ping), PollInterval: time.Duration(c.Poll),
		HeadStart: time.Duration(c.HeadStart), Pressure: pressure(c.Pressure),
		Node: c.Node, Version: version(), NoBoard: !c.Board, NoMetrics: c.Metrics.Listen != "", Logger: log,
	}
	for _, r := range c.History.Rules {
		p, err := gateway.ParsePattern(r.Topic)
		if err != nil {
			continue // cannot be: it was validated
		}
		o.Core.Rules = append(o.Core.Rules, gateway.Rule{
			Pattern: p,
			Retention: gateway.Retention{
				Messages: r.Messages, Bytes: int64(r.Bytes), Age: time.Duration(r.Age), ByKey: r.Conflate == "key",
			},
			Slow: gateway.Slow{Disconnect: r.Slow == "disconnect", Lag: r.Lag},
		})
	}
	for _, r := range c.Ladder {
		rule := fallback.Rule{Only: rungs(r.Transports)}
		rule.Topic, _ = gateway.ParsePattern(r.Topic) // what is left out stays zero: it holds for all
		rule.Clients, _ = config.ParseRange(r.Clients)
		o.Ladder = append(o.Ladder, rule)
	}
	for _, text := range c.Proxies {
		if p, err := config.ParseRange(text); err == nil {
			o.Proxies = append(o.Proxies, p)
		}
	}
	for _, kind := range transport.Kinds {
		if !slices.Contains(c.Transports, kind.String()) {
			o.Off = append(o.Off, kind)
		}
	}
	return o
}

func pressure(c config.Pressure) server.Pressure {
	p := server.Pressure{
		PressureOptions: fallback.PressureOptions{
			Ask: c.Ask, Move: c.Move, Refuse: c.Refuse, Slack: c.Slack, Dwell: time.Duration(c.Dwell), MoveRate: c.Rate,
		},
		Files: uint64(c.Files), Memory: uint64(c.Memory),
	}
	if c.Level != "auto" {
		p.Level = c.Level
	}
	return p
}

func rungs(names []string) fallback.Rungs {
	var kinds []transport.Kind
	for _, name := range names {
		if kind, err := transport.ParseKind(name); err == nil {
			kinds = append(kinds, kind)
		}
	}
	return fallback.RungsOf(kinds...)
}

// logger makes the log that a configuration asks for.
func logger(c config.Log, to io.Writer) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(c.Level)) // it was validated
	o := &slog.HandlerOptions{Level: level}
	if c.Format == "json" {
		return slog.New(slog.NewJSONHandler(to, o))
	}
	return slog.New(slog.NewTextHandler(to, o))
}
