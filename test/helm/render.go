// Package helm renders the chart, and tests what it renders.
package helm

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/engine"
)

// Release is where and as what the chart is installed.
type Release struct {
	Name, Namespace string

	// KubeVersion is that of the cluster; of the newest that Helm knows, if it is empty.
	KubeVersion string
}

// Render returns the manifests that helm install would apply, in one stream, and its
// notes.
func Render(dir string, release Release, values map[string]any) (manifests, notes string, err error) {
	chart, err := loader.LoadDir(dir)
	if err != nil {
		return "", "", fmt.Errorf("load the chart: %w", err)
	}
	capabilities := *common.DefaultCapabilities
	if release.KubeVersion != "" {
		version, err := common.ParseKubeVersion(release.KubeVersion)
		if err != nil {
			return "", "", fmt.Errorf("parse the version of Kubernetes: %w", err)
		}
		capabilities.KubeVersion = *version
	}
	options := common.ReleaseOptions{Name: release.Name, Namespace: release.Namespace, Revision: 1, IsInstall: true}
	all, err := util.ToRenderValues(chart, values, options, &capabilities)
	if err != nil {
		return "", "", fmt.Errorf("check the values: %w", err)
	}
	files, err := engine.Render(chart, all)
	if err != nil {
		return "", "", fmt.Errorf("render the chart: %w", err)
	}
	var stream strings.Builder
	for _, name := range sorted(files) {
		switch {
		case path.Base(name) == "NOTES.txt":
			notes = files[name]
		case strings.HasSuffix(name, ".yaml") && strings.TrimSpace(files[name]) != "":
			fmt.Fprintf(&stream, "---\n%s\n", strings.Trim(files[name], "\n"))
		}
	}
	return stream.String(), notes, nil
}

func sorted(files map[string]string) []string {
	names := make([]string, 0, len(files))
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
