package cluster

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"syscall"
	"time"

	"k8s.io/client-go/rest"
)

const (
	// readyPoll is the interval of readiness probes of a starting component.
	readyPoll = 50 * time.Millisecond
	// stopTimeout is how long a component may take to exit before it is killed.
	stopTimeout = 20 * time.Second
	// logLines is the number of lines shown of the log of a component that died.
	logLines = 15
)

// Start starts the component unless it is running, and waits until it serves.
func (c *Cluster) Start(ctx context.Context, name string) error {
	if err := c.load(); err != nil {
		return err
	}
	return c.start(ctx, name)
}

func (c *Cluster) start(ctx context.Context, name string) error {
	comp := c.component(name)
	running, err := c.procs.Running(name)
	if err != nil {
		return err
	}
	if !running {
		if err := c.launch(comp); err != nil {
			return err
		}
	}
	return c.awaitReady(ctx, comp)
}

func (c *Cluster) launch(comp component) error {
	fingerprint, err := c.fingerprint(comp)
	if err != nil {
		return err
	}
	return c.procs.Start(c.spec(comp, fingerprint))
}

// fingerprint changes when a component has to be restarted: with its flags and, for rcroll's own, with the content of its
// executable. A modification time would change with a build that changes nothing.
func (c *Cluster) fingerprint(comp component) (string, error) {
	hash := sha256.New()
	_, _ = io.WriteString(hash, strings.Join(comp.commandLine(), "\x00"))
	if comp.binary != "" {
		f, err := os.Open(c.path(comp))
		if err != nil {
			return "", fmt.Errorf("reading the executable of %s: %w", comp.name, err)
		}
		defer func() { _ = f.Close() }()
		if _, err := io.Copy(hash, f); err != nil {
			return "", fmt.Errorf("reading the executable of %s: %w", comp.name, err)
		}
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

// refresh starts the component, or restarts it if its flags or its executable have changed.
func (c *Cluster) refresh(ctx context.Context, name string) error {
	running, err := c.procs.Running(name)
	if err != nil {
		return err
	}
	if running {
		want, err := c.fingerprint(c.component(name))
		if err != nil {
			return err
		}
		have, err := c.procs.Fingerprint(name)
		if err != nil {
			return err
		}
		if want != have {
			if err := c.stop(ctx, name, syscall.SIGTERM); err != nil {
				return err
			}
		}
	}
	return c.start(ctx, name)
}

// Stop signals the component and waits until it has exited. It succeeds if the component is not running.
func (c *Cluster) Stop(ctx context.Context, name string, signal syscall.Signal) error {
	if err := c.load(); err != nil {
		return err
	}
	return c.stop(ctx, name, signal)
}

func (c *Cluster) stop(ctx context.Context, name string, signal syscall.Signal) error {
	patient, cancel := context.WithTimeout(ctx, stopTimeout)
	defer cancel()
	err := c.procs.Stop(patient, name, signal)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil && signal != syscall.SIGKILL {
		err = c.procs.Stop(ctx, name, syscall.SIGKILL)
	}
	return err
}

// Restart stops the component with the signal and starts it again.
func (c *Cluster) Restart(ctx context.Context, name string, signal syscall.Signal) error {
	if err := c.Stop(ctx, name, signal); err != nil {
		return err
	}
	return c.start(ctx, name)
}

// Down stops all components and removes everything. It succeeds if the cluster does not exist.
func (c *Cluster) Down(ctx context.Context) error {
	err := c.load()
	if errors.Is(err, ErrNoCluster) {
		return nil
	}
	if err != nil {
		return err
	}
	for i := len(Names) - 1; i >= 0; i-- {
		signal := syscall.SIGKILL // state that is discarded need not be flushed
		if c.component(Names[i]).binary != "" {
			signal = syscall.SIGTERM
		}
		if err := c.stop(ctx, Names[i], signal); err != nil {
			return err
		}
	}
	if err := os.RemoveAll(c.dir); err != nil {
		return fmt.Errorf("removing the cluster: %w", err)
	}
	return nil
}

// awaitReady waits until the component serves. If it dies in the meantime, the error has the end of its log.
func (c *Cluster) awaitReady(ctx context.Context, comp component) error {
	client, err := c.probeClient(comp)
	if err != nil {
		return err
	}
	var last error
	for {
		if last = probe(ctx, client, comp.readyURL); last == nil {
			return nil
		}
		running, err := c.procs.Running(comp.name)
		if err != nil {
			return err
		}
		if !running {
			return fmt.Errorf("%s exited before it was ready; the end of %s:\n%s",
				comp.name, c.procs.LogFile(comp.name), c.procs.LogTail(comp.name, logLines))
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s (%w): %w; see %s", comp.name, ctx.Err(), last, c.procs.LogFile(comp.name))
		case <-time.After(readyPoll):
		}
	}
}

// probeClient uses plain HTTP, or HTTPS as the administrator, to whom the API server gives the most detail.
func (c *Cluster) probeClient(comp component) (*http.Client, error) {
	client := &http.Client{Timeout: 5 * time.Second}
	if !comp.secure() {
		return client, nil
	}
	config, err := c.restConfig()
	if err != nil {
		return nil, err
	}
	if client.Transport, err = rest.TransportFor(config); err != nil {
		return nil, fmt.Errorf("creating a client for %s: %w", comp.name, err)
	}
	return client, nil
}

func probe(ctx context.Context, client *http.Client, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return fmt.Errorf("probing %s: %w", url, err)
	}
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("not ready: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
		return fmt.Errorf("not ready: %s returned %s: %s", url, resp.Status, strings.TrimSpace(string(body)))
	}
	return nil
}
