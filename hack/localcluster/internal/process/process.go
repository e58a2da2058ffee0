// Package process starts detached processes and knows for certain whether they are still alive.
//
// A PID alone does not identify a process: once it died, the kernel may hand the number to another one. Every process
// started here therefore inherits an open file that carries an exclusive flock. The kernel drops that lock at the moment
// the process is gone, however it ended, so "is it alive?" is "is the lock held?", and a signal is only ever sent while
// the lock proves whose PID it is.
package process

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// pollInterval is how often a stopping process is checked.
const pollInterval = 10 * time.Millisecond

// Spec is how a process is started.
type Spec struct {
	// Name is the component's name; it names the log and the PID file too.
	Name string
	// Path is the executable, Args are its arguments with argv[0] first.
	Path string
	Args []string
	// Fingerprint stands for the version of what is run; Table.Fingerprint returns it as long as the process lives.
	Fingerprint string
}

// Table is the set of processes whose state is in one directory.
type Table struct {
	dir string
}

// NewTable returns the table of the processes of dir.
func NewTable(dir string) *Table {
	return &Table{dir: dir}
}

// LogFile is the file that the named process appends its output to.
func (t *Table) LogFile(name string) string { return filepath.Join(t.dir, "logs", name+".log") }

// PIDFile holds the PID of the named process in decimal.
func (t *Table) PIDFile(name string) string { return filepath.Join(t.dir, "pids", name) }

func (t *Table) recordFile(name string) string { return filepath.Join(t.dir, "run", name) }

// record is the content of the locked file.
type record struct {
	PID         int    `json:"pid"`
	Fingerprint string `json:"fingerprint"`
}

// Start runs s in its own session, so that it outlives the caller and the caller's terminal.
// It fails if the process is already running.
func (t *Table) Start(s Spec) error {
	for _, f := range []string{t.LogFile(s.Name), t.PIDFile(s.Name), t.recordFile(s.Name)} {
		if err := os.MkdirAll(filepath.Dir(f), 0o755); err != nil {
			return fmt.Errorf("starting %s: %w", s.Name, err)
		}
	}
	lock, err := lockExclusive(t.recordFile(s.Name))
	if err != nil {
		return fmt.Errorf("starting %s: %w", s.Name, err)
	}
	defer func() { _ = lock.Close() }() // the child keeps the lock through its own copy
	log, err := os.OpenFile(t.LogFile(s.Name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("starting %s: %w", s.Name, err)
	}
	defer func() { _ = log.Close() }()

	cmd := &exec.Cmd{
		Path:        s.Path,
		Args:        s.Args,
		Dir:         t.dir,
		Stdout:      log,
		Stderr:      log,
		ExtraFiles:  []*os.File{lock},
		SysProcAttr: &syscall.SysProcAttr{Setsid: true},
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting %s: %w", s.Name, err)
	}
	if err := t.write(lock, s, cmd.Process.Pid); err != nil {
		_ = cmd.Process.Kill() // a process that nobody could stop later must not stay
		return fmt.Errorf("recording %s: %w", s.Name, err)
	}
	return cmd.Process.Release()
}

func (t *Table) write(lock *os.File, s Spec, pid int) error {
	content, err := json.Marshal(record{PID: pid, Fingerprint: s.Fingerprint})
	if err != nil {
		return err
	}
	if err := lock.Truncate(0); err != nil {
		return err
	}
	if _, err := lock.WriteAt(content, 0); err != nil {
		return err
	}
	return os.WriteFile(t.PIDFile(s.Name), []byte(strconv.Itoa(pid)+"\n"), 0o644)
}

// Running reports whether the named process is alive.
func (t *Table) Running(name string) (bool, error) {
	held, err := lockHeld(t.recordFile(name))
	if err != nil {
		return false, fmt.Errorf("inspecting %s: %w", name, err)
	}
	return held, nil
}

// Fingerprint returns the fingerprint that the named process was started with.
func (t *Table) Fingerprint(name string) (string, error) {
	r, err := t.read(name)
	return r.Fingerprint, err
}

func (t *Table) read(name string) (record, error) {
	var r record
	content, err := os.ReadFile(t.recordFile(name))
	if err == nil {
		err = json.Unmarshal(content, &r)
	}
	if err != nil {
		return record{}, fmt.Errorf("reading the record of %s: %w", name, err)
	}
	return r, nil
}

// Stop signals the named process and waits until it has exited. It succeeds if the process is not running.
func (t *Table) Stop(ctx context.Context, name string, signal syscall.Signal) error {
	if err := t.signal(name, signal); err != nil {
		return err
	}
	for {
		running, err := t.Running(name)
		if err != nil {
			return err
		}
		if !running {
			break
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s to end after signal %q: %w", name, signal, ctx.Err())
		case <-time.After(pollInterval):
		}
	}
	if err := os.Remove(t.PIDFile(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing the PID file of %s: %w", name, err)
	}
	return nil
}

func (t *Table) signal(name string, signal syscall.Signal) error {
	running, err := t.Running(name)
	if err != nil || !running {
		return err
	}
	r, err := t.read(name)
	if err != nil {
		return err
	}
	// Where the system has process handles, FindProcess pins the process before its identity is checked once more.
	p, err := os.FindProcess(r.PID)
	if err != nil {
		return fmt.Errorf("locating %s: %w", name, err)
	}
	if running, err = t.Running(name); err != nil || !running {
		return err
	}
	if err := p.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("signalling %s: %w", name, err)
	}
	return nil
}

// LogTail returns the last lines of the named process' log, to explain why it did not start.
func (t *Table) LogTail(name string, lines int) string {
	content, err := os.ReadFile(t.LogFile(name))
	if err != nil {
		return err.Error()
	}
	all := strings.Split(strings.TrimRight(string(content), "\n"), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
