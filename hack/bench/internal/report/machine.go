package report

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
)

// thisMachine describes the machine by what matters to the times.
func thisMachine() (Machine, error) {
	cpu, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return Machine{}, fmt.Errorf("describe the machine: %w", err)
	}
	memory, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return Machine{}, fmt.Errorf("describe the machine: %w", err)
	}
	release, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return Machine{}, fmt.Errorf("describe the machine: %w", err)
	}
	kibibytes, _, _ := strings.Cut(valueOf(memory, "MemTotal"), " ")
	size, err := strconv.Atoi(kibibytes)
	if err != nil {
		return Machine{}, fmt.Errorf("describe the machine: %w", err)
	}
	kernel, _, _ := strings.Cut(strings.TrimSpace(string(release)), "-") // the rest names a build
	return Machine{
		CPU:       valueOf(cpu, "model name"),
		Cores:     runtime.NumCPU(),
		MemoryGiB: (size + 1<<19) >> 20,
		Kernel:    kernel,
		Go:        runtime.Version(),
	}, nil
}

// valueOf is what a "name : value" line says.
func valueOf(text []byte, name string) string {
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		key, value, _ := strings.Cut(lines.Text(), ":")
		if strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
