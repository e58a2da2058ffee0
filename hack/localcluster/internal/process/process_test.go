package process

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// shell returns a Spec that runs a script, which must end in exec: a child of the shell would keep its lock.
func shell(t *testing.T, name, script string) Spec {
	t.Helper()
	path, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("no sh")
	}
	return Spec{Name: name, Path: path, Args: []string{"sh", "-c", script}, Fingerprint: "v1"}
}

func startSleeper(t *testing.T, table *Table, script string) {
	t.Helper()
	if err := table.Start(shell(t, "sleeper", script)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := table.Stop(context.Background(), "sleeper", syscall.SIGKILL); err != nil {
			t.Error(err)
		}
	})
}

func assertRunning(t *testing.T, table *Table, want bool) {
	t.Helper()
	running, err := table.Running("sleeper")
	if err != nil {
		t.Fatal(err)
	}
	if running != want {
		t.Fatalf("running = %v, want %v", running, want)
	}
}

func TestStartAndStop(t *testing.T) {
	table := NewTable(t.TempDir())
	assertRunning(t, table, false)
	startSleeper(t, table, "echo hello; exec sleep 60")
	assertRunning(t, table, true)

	content, err := os.ReadFile(table.PIDFile("sleeper"))
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(content)))
	if err != nil {
		t.Fatal(err)
	}
	if sid, err := getsid(pid); err != nil || sid != pid {
		t.Errorf("session of %d = %d, %v: the process has no session of its own", pid, sid, err)
	}
	if fingerprint, err := table.Fingerprint("sleeper"); err != nil || fingerprint != "v1" {
		t.Errorf("fingerprint = %q, %v", fingerprint, err)
	}
	if err := table.Start(shell(t, "sleeper", "exec sleep 60")); !errors.Is(err, ErrLocked) {
		t.Errorf("second start: %v, want %v", err, ErrLocked)
	}

	for range 2 { // stopping twice is no error
		if err := table.Stop(context.Background(), "sleeper", syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		assertRunning(t, table, false)
	}
	if _, err := os.Stat(table.PIDFile("sleeper")); err == nil {
		t.Error("the PID file stayed")
	}
	startSleeper(t, table, "echo again; exec sleep 60")
	time.Sleep(50 * time.Millisecond)
	if log := table.LogTail("sleeper", 2); log != "hello\nagain" {
		t.Errorf("log = %q, want both lines: logs are appended to", log)
	}
}

func getsid(pid int) (int, error) {
	sid, _, errno := syscall.Syscall(syscall.SYS_GETSID, uintptr(pid), 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(sid), nil
}

func TestStopGivesUpWithContext(t *testing.T) {
	table := NewTable(t.TempDir())
	startSleeper(t, table, `trap "" TERM; echo deaf; exec sleep 60`)
	for table.LogTail("sleeper", 1) != "deaf" {
		time.Sleep(pollInterval)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*pollInterval)
	defer cancel()
	if err := table.Stop(ctx, "sleeper", syscall.SIGTERM); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Stop = %v, want %v", err, context.DeadlineExceeded)
	}
	assertRunning(t, table, true)
}

func TestKilledByOthers(t *testing.T) {
	table := NewTable(t.TempDir())
	startSleeper(t, table, "exec sleep 60")
	r, err := table.read("sleeper")
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(r.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	time.Sleep(100 * time.Millisecond)
	assertRunning(t, table, false) // although the test, its parent, has not reaped it
}

// A record that outlived its process may hold the PID of somebody else by now.
func TestStopSparesReusedPID(t *testing.T) {
	table := NewTable(t.TempDir())
	bystander := exec.Command("sleep", "60")
	if err := bystander.Start(); err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { _ = bystander.Process.Kill(); _ = bystander.Wait() })
	content, err := json.Marshal(record{PID: bystander.Process.Pid})
	if err != nil {
		t.Fatal(err)
	}
	file := table.recordFile("sleeper")
	if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, content, 0o644)); err != nil {
		t.Fatal(err)
	}
	assertRunning(t, table, false)
	if err := table.Stop(context.Background(), "sleeper", syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	time.Sleep(50 * time.Millisecond)
	if err := bystander.Process.Signal(syscall.Signal(0)); err != nil {
		t.Errorf("the bystander is gone: %v", err)
	}
}

func TestLockDir(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "dir")
	unlock, err := LockDir(context.Background(), dir)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*pollInterval)
	defer cancel()
	if _, err := LockDir(ctx, dir); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("second LockDir = %v, want %v", err, context.DeadlineExceeded)
	}
	// A directory that was removed and made anew is another one.
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	again, err := LockDir(context.Background(), dir)
	if err != nil {
		t.Fatal(err)
	}
	unlock()
	again()
}

func TestFreePorts(t *testing.T) {
	base, err := FreePorts(16)
	if err != nil {
		t.Fatal(err)
	}
	if base < lowestPort || base+16 > highestPort {
		t.Errorf("ports %d to %d are out of range", base, base+15)
	}
	if !allFree(base, 16) {
		t.Errorf("ports %d to %d are not free", base, base+15)
	}
}
