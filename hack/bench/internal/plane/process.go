package plane

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// clockTick is the unit of times in /proc/PID/stat on Linux.
const clockTick = 10 * time.Millisecond

// Usage is the memory and processor time of a process.
type Usage struct {
	// Resident is the memory that it has now, in bytes, the pages of its executable
	// included. Anonymous is the part that it allocated.
	Resident, Anonymous int64

	// CPU is its processor time since it was started, to 10 ms.
	CPU time.Duration
}

// Usage returns that of the process of a component.
func (p *Plane) Usage(component string) (Usage, error) {
	pid, err := p.pid(component)
	if err != nil {
		return Usage{}, err
	}
	status, err := os.ReadFile(filepath.Join("/proc", pid, "status"))
	if err != nil {
		return Usage{}, fmt.Errorf("inspect %s: %w", component, err)
	}
	fields, err := statOf(pid)
	if err != nil {
		return Usage{}, fmt.Errorf("inspect %s: %w", component, err)
	}
	return Usage{
		Resident:  kibibytes(status, "VmRSS:"),
		Anonymous: kibibytes(status, "RssAnon:"),
		// utime and stime are the fields 14 and 15 of all, which are counted from 1.
		CPU: time.Duration(fields[11]+fields[12]) * clockTick,
	}, nil
}

// Age returns the time since the process of a component was started, to 10 ms.
func (p *Plane) Age(component string) (time.Duration, error) {
	pid, err := p.pid(component)
	if err != nil {
		return 0, err
	}
	fields, err := statOf(pid)
	if err != nil {
		return 0, fmt.Errorf("inspect %s: %w", component, err)
	}
	uptime, err := os.ReadFile("/proc/uptime")
	if err != nil {
		return 0, fmt.Errorf("read the uptime: %w", err)
	}
	first, _, _ := strings.Cut(string(uptime), " ")
	seconds, err := strconv.ParseFloat(first, 64)
	if err != nil {
		return 0, fmt.Errorf("read the uptime: %w", err)
	}
	const startTime = 19 // field 22 of all
	return time.Duration(seconds*float64(time.Second)) - time.Duration(fields[startTime])*clockTick, nil
}

func (p *Plane) pid(component string) (string, error) {
	content, err := os.ReadFile(filepath.Join(p.dir, "pids", component))
	if err != nil {
		return "", fmt.Errorf("find the process of %s: %w", component, err)
	}
	return strings.TrimSpace(string(content)), nil
}

// statOf is /proc/PID/stat from the third field on. The second one, the name, is in
// parentheses and can hold anything.
func statOf(pid string) ([]int64, error) {
	content, err := os.ReadFile(filepath.Join("/proc", pid, "stat"))
	if err != nil {
		return nil, err
	}
	_, rest, _ := strings.Cut(string(content), ") ")
	words := strings.Fields(rest)
	if len(words) < 20 {
		return nil, fmt.Errorf("/proc/%s/stat has %d fields", pid, len(words))
	}
	numbers := make([]int64, len(words))
	for i, word := range words {
		numbers[i], _ = strconv.ParseInt(word, 10, 64) // the state is a letter
	}
	return numbers, nil
}

// kibibytes is a line of /proc/PID/status in bytes; 0 if it is not there.
func kibibytes(status []byte, name string) int64 {
	_, rest, found := bytes.Cut(status, []byte(name))
	if !found {
		return 0
	}
	number, _, _ := strings.Cut(strings.TrimSpace(string(rest)), " ")
	value, _ := strconv.ParseInt(number, 10, 64)
	return value << 10
}

// flag is the value of a flag on the command line of a component.
func (p *Plane) flag(component, name string) (string, error) {
	pid, err := p.pid(component)
	if err != nil {
		return "", err
	}
	line, err := os.ReadFile(filepath.Join("/proc", pid, "cmdline"))
	if err != nil {
		return "", fmt.Errorf("inspect %s: %w", component, err)
	}
	for argument := range strings.SplitSeq(string(line), "\x00") {
		if value, found := strings.CutPrefix(argument, "--"+name+"="); found {
			return value, nil
		}
	}
	return "", fmt.Errorf("%s was started without --%s", component, name)
}

// Metrics returns the current metrics of a component.
func (p *Plane) Metrics(ctx context.Context, component string) (Metrics, error) {
	if component == APIServer {
		content, err := p.Client.CoreV1().RESTClient().Get().AbsPath("/metrics").DoRaw(ctx)
		if err != nil {
			return nil, fmt.Errorf("read the metrics of %s: %w", component, err)
		}
		return parseMetrics(content), nil
	}
	url, err := p.metricsURL(component)
	if err != nil {
		return nil, err
	}
	content, err := get(ctx, url)
	if err != nil {
		return nil, fmt.Errorf("read the metrics of %s: %w", component, err)
	}
	return parseMetrics(content), nil
}

func (p *Plane) metricsURL(component string) (string, error) {
	if component == Etcd {
		url, err := p.flag(component, "listen-client-urls")
		return url + "/metrics", err
	}
	address, err := p.flag(component, "metrics-bind-address")
	return "http://" + address + "/metrics", err
}

// Ready reports whether a component passes its readiness probe.
func (p *Plane) Ready(ctx context.Context, component string) bool {
	address, err := p.flag(component, "health-probe-bind-address")
	if err != nil {
		return false
	}
	_, err = get(ctx, "http://"+address+"/readyz")
	return err == nil
}

func get(ctx context.Context, url string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("GET %s: %s", url, response.Status)
	}
	return io.ReadAll(response.Body)
}
