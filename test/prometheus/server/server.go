// Package server has a real Prometheus scrape what rcroll's programs and the API server serve.
package server

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// Server is one that runs.
type Server struct {
	address string
	command *exec.Cmd
}

// Start runs the program with a configuration, in a directory of its own.
func Start(ctx context.Context, program, directory, configuration string) (*Server, error) {
	config := filepath.Join(directory, "prometheus.yaml")
	if err := os.WriteFile(config, []byte(configuration), 0o600); err != nil {
		return nil, fmt.Errorf("write the configuration: %w", err)
	}
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(directory, "prometheus.log"))
	if err != nil {
		return nil, fmt.Errorf("create the log: %w", err)
	}
	defer func() { _ = log.Close() }() // the process has its own
	command := exec.CommandContext(ctx, program, "--config.file="+config, "--storage.tsdb.path="+filepath.Join(directory, "data"),
		"--web.listen-address="+address)
	command.Stdout, command.Stderr = log, log
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	command.WaitDelay = 10 * time.Second
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("start Prometheus: %w", err)
	}
	return &Server{address: address, command: command}, nil
}

// Wait returns when the process has ended, which it does with the context of Start.
func (s *Server) Wait() { _ = s.command.Wait() }

// freeAddress is one of the loopback interface that nobody listened on a moment ago.
func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	return listener.Addr().String(), listener.Close()
}

// Ask evaluates an expression now, and returns how many series it has.
func (s *Server) Ask(ctx context.Context, expression string) (int, error) {
	var data struct {
		ResultType string
		Result     []json.RawMessage
	}
	if err := s.get(ctx, "query?query="+url.QueryEscape(expression), &data); err != nil {
		return 0, fmt.Errorf("evaluate %s: %w", expression, err)
	}
	return len(data.Result), nil
}

// Rules returns the health of each rule, by the name of its alert: "ok" if it was evaluated.
func (s *Server) Rules(ctx context.Context) (map[string]string, error) {
	var data struct {
		Groups []struct {
			Rules []struct{ Name, Health string }
		}
	}
	if err := s.get(ctx, "rules", &data); err != nil {
		return nil, err
	}
	health := map[string]string{}
	for _, group := range data.Groups {
		for _, rule := range group.Rules {
			health[rule.Name] = rule.Health
		}
	}
	return health, nil
}

func (s *Server) get(ctx context.Context, path string, data any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.address+"/api/v1/"+path, http.NoBody)
	if err != nil {
		return fmt.Errorf("ask Prometheus: %w", err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("ask Prometheus: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	answer := struct {
		Status, Error string
		Data          any
	}{Data: data}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return fmt.Errorf("decode the answer of Prometheus: %w", err)
	}
	if answer.Status != "success" {
		return fmt.Errorf("the answer of Prometheus: %s", answer.Error)
	}
	return nil
}
