"""The custom resources as the API server hands them out and takes them, for mypy.

Generated from `crds/` by `python tools/docs/generate.py`; do not edit. A spec is as the server completes it: fields
with a default are always there. A status is a merge patch: None removes a field, and is left out of the rows of a list.
"""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict


class ObjectMeta(TypedDict):
    """The part of Kubernetes' metadata that Sunward reads and writes."""

    name: str
    namespace: NotRequired[str]
    uid: NotRequired[str]
    generation: NotRequired[int]
    resourceVersion: NotRequired[str]
    labels: NotRequired[dict[str, str]]


EnergyNodeSpecRole = Literal["Worker", "AlwaysOn"]


class EnergyNodeSpecPower(TypedDict):
    """`spec.power`: power is what the machine draws; measure it, or use the figures of the same board."""

    profile: str
    idleMilliwatts: int
    busyMilliwatts: int
    asleepMilliwatts: int
    haltedMilliwatts: NotRequired[int]
    wakeSeconds: int
    wakeMilliwattHours: int


class EnergyNodeSpecHarvest(TypedDict):
    """`spec.harvest`: harvest describes the panel or other source at the node. Omit it if there is none."""

    nameplateMilliwatts: int
    productionDevice: NotRequired[str]
    tiltDegrees: int
    azimuthDegrees: int


class EnergyNodeSpecLocation(TypedDict):
    """`spec.location`: location is where the node stands. With the chart's value harvestForecast, a service is
    asked what its panel will give. Omit it if the place should not leave the cluster.
    """

    latitude: int
    longitude: int


class EnergyNodeSpecBattery(TypedDict):
    """`spec.battery`: battery describes the battery at the node. Omit it if there is none."""

    capacityMilliwattHours: int
    reservePercent: int
    chargeEfficiencyPercent: int
    dischargeEfficiencyPercent: int
    maximumChargeMilliwatts: int
    maximumDischargeMilliwatts: int
    chargeFromGrid: bool
    exportable: bool


EnergyNodeSpecExportRule = Literal["AnyHarvest", "SurplusOnly"]


class EnergyNodeSpecExport(TypedDict):
    """`spec.export`: export limits what the node sends to its pools."""

    maximumPercentOfHarvest: int
    rule: EnergyNodeSpecExportRule


class EnergyNodeSpecEmbodied(TypedDict):
    """`spec.embodied`: embodied spreads the emissions of the machine's manufacture over its lifetime, for reports."""

    gramsCO2e: int
    lifetimeDays: int


EnergyNodeSpecSleepDriver = Literal["None", "CordonOnly", "Shelly", "Tasmota", "ShellyGen1", "Webhook", "Redfish"]


class EnergyNodeSpecSleepDriverRef(TypedDict):
    """`spec.sleep.driverRef`: driverRef names the relay, which the administrator defines in the chart's values.
    Addresses and secrets are not part of custom resources.
    """

    name: str


EnergyNodeSpecSleepShutdown = Literal["Agent", "None"]


class EnergyNodeSpecSleep(TypedDict):
    """`spec.sleep`: sleep defines how and how often the node may be put to sleep. Default driver None, with which
    the node never sleeps.
    """

    driver: EnergyNodeSpecSleepDriver
    driverRef: NotRequired[EnergyNodeSpecSleepDriverRef]
    shutdown: EnergyNodeSpecSleepShutdown
    minimumAwakeSeconds: int
    minimumAsleepSeconds: int
    maximumCyclesPerDay: int


EnergyNodeSpecOverridePower = Literal["Awake", "Asleep"]


class EnergyNodeSpecOverride(TypedDict):
    """`spec.override`: override keeps the node awake or asleep until a given time, at which it ends by itself."""

    power: EnergyNodeSpecOverridePower
    until: str
    reason: str


class EnergyNodeSpec(TypedDict):
    """`spec`: spec is the desired state; the operator never changes it."""

    nodeName: NotRequired[str]
    gridZone: str
    site: NotRequired[str]
    role: EnergyNodeSpecRole
    power: EnergyNodeSpecPower
    harvest: NotRequired[EnergyNodeSpecHarvest]
    location: NotRequired[EnergyNodeSpecLocation]
    battery: NotRequired[EnergyNodeSpecBattery]
    export: EnergyNodeSpecExport
    storageMebibytes: int
    embodied: NotRequired[EnergyNodeSpecEmbodied]
    sleep: EnergyNodeSpecSleep
    override: NotRequired[EnergyNodeSpecOverride]


EnergyNodeStatusPowerState = Literal[
    "Awake",
    "Cordoned",
    "Draining",
    "PowerOffRequested",
    "Asleep",
    "WakeRequested",
    "Booting",
    "Degraded",
]


EnergyNodeStatusPowerQuality = Literal[
    "Measured",
    "LastKnownGood",
    "Estimated",
    "Forecast",
    "Profile",
    "Suspect",
    "Missing",
]


class EnergyNodeStatusPower(TypedDict):
    """`status.power`: power is the last reading of the node's power."""

    milliwatts: NotRequired[int | None]
    time: NotRequired[str | None]
    quality: NotRequired[EnergyNodeStatusPowerQuality | None]
    source: NotRequired[str | None]
    reason: NotRequired[str | None]


EnergyNodeStatusHarvestQuality = Literal[
    "Measured",
    "LastKnownGood",
    "Estimated",
    "Forecast",
    "Profile",
    "Suspect",
    "Missing",
]


class EnergyNodeStatusHarvest(TypedDict):
    """`status.harvest`: harvest is the last reading of the node's harvest."""

    milliwatts: NotRequired[int | None]
    time: NotRequired[str | None]
    quality: NotRequired[EnergyNodeStatusHarvestQuality | None]
    source: NotRequired[str | None]
    reason: NotRequired[str | None]


EnergyNodeStatusBatteryQuality = Literal[
    "Measured",
    "LastKnownGood",
    "Estimated",
    "Forecast",
    "Profile",
    "Suspect",
    "Missing",
]


class EnergyNodeStatusBattery(TypedDict):
    """`status.battery`: battery is the last reading of the node's battery."""

    chargePercent: NotRequired[int | None]
    storedMilliwattHours: NotRequired[int | None]
    time: NotRequired[str | None]
    quality: NotRequired[EnergyNodeStatusBatteryQuality | None]
    source: NotRequired[str | None]
    reason: NotRequired[str | None]


EnergyNodeStatusIntensityBasis = Literal["AverageDirect", "AverageLifecycle", "MarginalDirect", "MarginalLifecycle"]


EnergyNodeStatusIntensityQuality = Literal[
    "Measured",
    "LastKnownGood",
    "Estimated",
    "Forecast",
    "Profile",
    "Suspect",
    "Missing",
]


class EnergyNodeStatusIntensity(TypedDict):
    """`status.intensity`: intensity is the grid intensity used for the node in the last plan."""

    milligramsPerKilowattHour: NotRequired[int | None]
    zone: NotRequired[str | None]
    basis: NotRequired[EnergyNodeStatusIntensityBasis | None]
    time: NotRequired[str | None]
    quality: NotRequired[EnergyNodeStatusIntensityQuality | None]
    source: NotRequired[str | None]
    reason: NotRequired[str | None]


EnergyNodeStatusRelayOutput = Literal["On", "Off", "Unknown"]


class EnergyNodeStatusRelay(TypedDict):
    """`status.relay`: relay is the last state that the power driver confirmed."""

    output: NotRequired[EnergyNodeStatusRelayOutput | None]
    milliwatts: NotRequired[int | None]
    time: NotRequired[str | None]
    reason: NotRequired[str | None]


class EnergyNodeStatusLastSeen(TypedDict):
    """`status.lastSeen`: lastSeen is the time of the last report from each source; it stays when the source falls
    silent.
    """

    sensors: NotRequired[str | None]
    kubelet: NotRequired[str | None]
    relay: NotRequired[str | None]


EnergyNodeStatusLastTransition = TypedDict(
    "EnergyNodeStatusLastTransition",
    {
        "time": NotRequired[str | None],
        "from": NotRequired[str | None],
        "to": NotRequired[str | None],
        "reason": NotRequired[str | None],
        "message": NotRequired[str | None],
        "operationId": NotRequired[str | None],
    },
)
"""`status.lastTransition`: lastTransition is the last change of powerState and why it happened."""


EnergyNodeStatusOperationIntent = Literal["Sleep", "Wake"]


class EnergyNodeStatusOperation(TypedDict):
    """`status.operation`: operation is the intent that the operator wrote before it acted. After a crash the next
    operator continues it or rolls it back. Absent when no operation is in progress.
    """

    id: NotRequired[str | None]
    intent: NotRequired[EnergyNodeStatusOperationIntent | None]
    step: NotRequired[str | None]
    reason: NotRequired[str | None]
    startedAt: NotRequired[str | None]
    stepStartedAt: NotRequired[str | None]
    deadline: NotRequired[str | None]
    attempt: NotRequired[int | None]
    leaseTransitions: NotRequired[int | None]


class EnergyNodeStatusShutdown(TypedDict):
    """`status.shutdown`: shutdown is the operator's order to the node's power agent to shut the system down. Absent
    when none is in force.
    """

    operationId: str
    bootId: str
    leaseTransitions: int
    issuedAt: str
    deadline: str
    haltedAt: NotRequired[str | None]
    cutAt: NotRequired[str | None]


EnergyNodeStatusAgentLastOrderResult = Literal["Accepted", "Started", "Failed", "Refused"]


class EnergyNodeStatusAgentLastOrder(TypedDict):
    """`status.agent.lastOrder`: lastOrder is the last order that the agent took up or refused."""

    operationId: str
    bootId: NotRequired[str | None]
    leaseTransitions: NotRequired[int | None]
    result: EnergyNodeStatusAgentLastOrderResult
    message: NotRequired[str | None]
    time: str


class EnergyNodeStatusAgent(TypedDict):
    """`status.agent`: agent is what the node's power agent reports of itself, every 20 s. Absent where none runs."""

    heartbeatTime: NotRequired[str | None]
    version: NotRequired[str | None]
    bootId: NotRequired[str | None]
    canShutDown: NotRequired[bool | None]
    message: NotRequired[str | None]
    lastOrder: NotRequired[EnergyNodeStatusAgentLastOrder | None]


class EnergyNodeStatusPinnedByItem(TypedDict):
    """`status.pinnedBy[]`: pinnedBy lists the pods and jobs that keep the node awake although nothing else does.
    Empty for a node that works, sleeps, or could not sleep anyway.
    """

    namespace: str
    holder: str
    reason: str


class EnergyNodeStatusDrainBlockedByItem(TypedDict):
    """`status.drain.blockedBy[]`: blockedBy lists the pods that cannot be evicted at present, and why."""

    pod: str
    uid: str
    reason: str
    message: str


class EnergyNodeStatusDrain(TypedDict):
    """`status.drain`: drain is the progress of the current drain."""

    startedAt: NotRequired[str | None]
    evicted: NotRequired[int | None]
    pending: NotRequired[int | None]
    blockedBy: NotRequired[list[EnergyNodeStatusDrainBlockedByItem] | None]


class EnergyNodeStatusOwned(TypedDict):
    """`status.owned`: owned lists what the operator added to the Node. The operator removes nothing else."""

    cordon: NotRequired[bool | None]


class EnergyNodeStatusTimers(TypedDict):
    """`status.timers`: timers hold the times that the operator has to remember."""

    awakeSince: NotRequired[str | None]
    asleepSince: NotRequired[str | None]
    nextAttemptAt: NotRequired[str | None]


class EnergyNodeStatusLearnedSpread(TypedDict):
    """`status.learned.spread`: spread holds the standard deviation of each figure."""

    idleMilliwatts: NotRequired[int | None]
    busyMilliwatts: NotRequired[int | None]
    wakeMilliseconds: NotRequired[int | None]


class EnergyNodeStatusLearnedObservations(TypedDict):
    """`status.learned.observations`: observations is the number of measurements behind each figure."""

    idle: NotRequired[int | None]
    busy: NotRequired[int | None]
    wake: NotRequired[int | None]


class EnergyNodeStatusLearned(TypedDict):
    """`status.learned`: learned holds figures measured on this node; recent observations count most. Plans use the
    figures of spec.power.
    """

    time: NotRequired[str | None]
    idleMilliwatts: NotRequired[int | None]
    busyMilliwatts: NotRequired[int | None]
    wakeMilliseconds: NotRequired[int | None]
    spread: NotRequired[EnergyNodeStatusLearnedSpread | None]
    observations: NotRequired[EnergyNodeStatusLearnedObservations | None]


StatusConditionStatus = Literal["True", "False", "Unknown"]


class StatusCondition(TypedDict):
    """`status.conditions[]`: conditions are Ready, SensorsFresh, Sleepable, Asleep and Degraded; Applied from the
    first time that a step of the node could not be taken.
    """

    type: str
    status: StatusConditionStatus
    observedGeneration: NotRequired[int | None]
    lastTransitionTime: str
    reason: str
    message: str


class EnergyNodeStatus(TypedDict):
    """`status`: status is written by the operator; `agent` by the node's power agent."""

    observedGeneration: NotRequired[int | None]
    powerState: NotRequired[EnergyNodeStatusPowerState | None]
    power: NotRequired[EnergyNodeStatusPower | None]
    harvest: NotRequired[EnergyNodeStatusHarvest | None]
    battery: NotRequired[EnergyNodeStatusBattery | None]
    intensity: NotRequired[EnergyNodeStatusIntensity | None]
    relay: NotRequired[EnergyNodeStatusRelay | None]
    lastSeen: NotRequired[EnergyNodeStatusLastSeen | None]
    lastTransition: NotRequired[EnergyNodeStatusLastTransition | None]
    operation: NotRequired[EnergyNodeStatusOperation | None]
    shutdown: NotRequired[EnergyNodeStatusShutdown | None]
    agent: NotRequired[EnergyNodeStatusAgent | None]
    pinnedBy: NotRequired[list[EnergyNodeStatusPinnedByItem] | None]
    pinnedMilligramsCO2ePerHour: NotRequired[int | None]
    drain: NotRequired[EnergyNodeStatusDrain | None]
    owned: NotRequired[EnergyNodeStatusOwned | None]
    timers: NotRequired[EnergyNodeStatusTimers | None]
    cycles: NotRequired[list[str] | None]
    nextWakeTime: NotRequired[str | None]
    currentPlan: NotRequired[str | None]
    learned: NotRequired[EnergyNodeStatusLearned | None]
    conditions: NotRequired[list[StatusCondition] | None]


class EnergyNode(TypedDict):
    """EnergyNode describes the energy side of one Kubernetes node."""

    apiVersion: str
    kind: str
    metadata: ObjectMeta
    spec: EnergyNodeSpec
    status: NotRequired[EnergyNodeStatus]


EnergyPlanSpecMode = Literal["DryRun", "Active"]


class EnergyPlanSpec(TypedDict):
    """`spec`: spec is written once by the operator and never changes."""

    periodStart: str
    periodEnd: str
    mode: EnergyPlanSpecMode
    periodSeconds: int
    horizonPeriods: int
    policyGeneration: NotRequired[int]


class EnergyPlanStatusInputsNode(TypedDict):
    """`status.inputs.nodes[]`: nodes lists the age and quality of each node's readings."""

    node: str
    powerAgeSeconds: NotRequired[int | None]
    powerQuality: NotRequired[str | None]
    harvestAgeSeconds: NotRequired[int | None]
    harvestQuality: NotRequired[str | None]
    batteryAgeSeconds: NotRequired[int | None]
    batteryQuality: NotRequired[str | None]
    reason: NotRequired[str | None]


EnergyPlanStatusInputsZoneBasis = Literal["AverageDirect", "AverageLifecycle", "MarginalDirect", "MarginalLifecycle"]


class EnergyPlanStatusInputsZone(TypedDict):
    """`status.inputs.zones[]`: zones lists the intensities used in the first period."""

    zone: str
    milligramsPerKilowattHour: NotRequired[int | None]
    ageSeconds: NotRequired[int | None]
    quality: NotRequired[str | None]
    provider: NotRequired[str | None]
    basis: NotRequired[EnergyPlanStatusInputsZoneBasis | None]


class EnergyPlanStatusInputs(TypedDict):
    """`status.inputs`: inputs are the data that the plan is based on."""

    digest: NotRequired[str | None]
    time: NotRequired[str | None]
    nodes: NotRequired[list[EnergyPlanStatusInputsNode] | None]
    zones: NotRequired[list[EnergyPlanStatusInputsZone] | None]


EnergyPlanStatusSolutionStatus = Literal["Optimal", "Feasible", "Infeasible", "Fallback", "Held"]


class EnergyPlanStatusSolution(TypedDict):
    """`status.solution`: solution is the result of the solver."""

    status: NotRequired[EnergyPlanStatusSolutionStatus | None]
    solver: NotRequired[str | None]
    reason: NotRequired[str | None]
    message: NotRequired[str | None]
    objectiveMicrogramsCO2e: NotRequired[int | None]
    lowerBoundMicrogramsCO2e: NotRequired[int | None]
    relativeGapPartsPerMillion: NotRequired[int | None]
    solveMilliseconds: NotRequired[int | None]
    infeasibleBecause: NotRequired[list[str] | None]


class EnergyPlanStatusEmissions(TypedDict):
    """`status.emissions`: emissions of each mode over the horizon under the same forecast, in micrograms CO2e. A
    mode without a plan is absent.
    """

    none: NotRequired[int | None]
    det: NotRequired[int | None]
    dat: NotRequired[int | None]
    deta: NotRequired[int | None]
    bound: NotRequired[int | None]


EnergyPlanStatusDecisionResult = Literal["Planned", "DryRun"]


class EnergyPlanStatusDecision(TypedDict):
    """`status.decisions[]`: decisions of the plan and their results."""

    kind: str
    subject: str
    reason: str
    message: NotRequired[str | None]
    result: NotRequired[EnergyPlanStatusDecisionResult | None]


class EnergyPlanStatusDroppedItem(TypedDict):
    """`status.dropped[]`: dropped counts the decisions that failed pre-flight validation."""

    reason: str
    count: int


class EnergyPlanStatusAssignment(TypedDict):
    """`status.assignments[]`: assignments of the first period. Where they are too many for one object, a row stands
    for all shards of a job on a node, or for all of a job; status.assignments of the TrainingJob has them one by
    one.
    """

    job: str
    shard: NotRequired[str | None]
    fromNode: NotRequired[str | None]
    node: NotRequired[str | None]
    batches: int
    shards: NotRequired[int | None]


EnergyPlanStatusTransferKind = Literal["Physical", "Contractual"]


class EnergyPlanStatusTransfer(TypedDict):
    """`status.transfers[]`: transfers planned for the first period."""

    pool: str
    kind: NotRequired[EnergyPlanStatusTransferKind | None]
    fromNode: str
    toNode: str
    sentMicrowattHours: int
    receivedMicrowattHours: NotRequired[int | None]


class EnergyPlanStatusSleep(TypedDict):
    """`status.sleeps[]`: sleeps planned within the horizon."""

    node: str
    time: str
    until: NotRequired[str | None]


class EnergyPlanStatusOmittedItem(TypedDict):
    """`status.omitted[]`: omitted counts the rows of this status that are left out or folded to keep it small
    enough.
    """

    field: str
    count: int


class EnergyPlanStatusPricesEnergyItem(TypedDict):
    """`status.prices.energy[]`: energy prices per pool."""

    pool: str
    microgramsPerWattHour: NotRequired[int | None]


class EnergyPlanStatusPricesOffloadItem(TypedDict):
    """`status.prices.offload[]`: offload prices per job."""

    job: str
    microgramsCO2e: NotRequired[int | None]


class EnergyPlanStatusPrices(TypedDict):
    """`status.prices`: prices are the shadow prices of the first period."""

    energy: NotRequired[list[EnergyPlanStatusPricesEnergyItem] | None]
    offload: NotRequired[list[EnergyPlanStatusPricesOffloadItem] | None]


class EnergyPlanStatusSettlementTotals(TypedDict):
    """`status.settlement.totals`: totals over all nodes. A total is absent if the value of one node is unknown."""

    loadMicrowattHours: NotRequired[int | None]
    harvestMicrowattHours: NotRequired[int | None]
    harvestUsedMicrowattHours: NotRequired[int | None]
    harvestSentMicrowattHours: NotRequired[int | None]
    harvestStoredMicrowattHours: NotRequired[int | None]
    harvestCurtailedMicrowattHours: NotRequired[int | None]
    transferredMicrowattHours: NotRequired[int | None]
    receivedMicrowattHours: NotRequired[int | None]
    lostMicrowattHours: NotRequired[int | None]
    gridMicrowattHours: NotRequired[int | None]
    fedInMicrowattHours: NotRequired[int | None]
    locationBasedMicrogramsCO2e: NotRequired[int | None]
    marketBasedMicrogramsCO2e: NotRequired[int | None]
    baselineMicrogramsCO2e: NotRequired[int | None]
    avoidedMicrogramsCO2e: NotRequired[int | None]
    embodiedMicrogramsCO2e: NotRequired[int | None]


class EnergyPlanStatusSettlementSeal(TypedDict):
    """`status.settlement.seal`: seal links this settlement to the one that was settled before it. Check it by
    sunward verify-ledger.
    """

    index: int
    previous: str
    hash: str
    keyFingerprint: NotRequired[str | None]
    signature: NotRequired[str | None]


class EnergyPlanStatusSettlementOmittedItem(TypedDict):
    """`status.settlement.omitted[]`: omitted counts the rows of this settlement that are left out to keep it small
    enough. The totals include them.
    """

    field: str
    count: int


class EnergyPlanStatusSettlementNode(TypedDict):
    """`status.settlement.nodes[]`: nodes are the rows of the ledger. Harvest is the sum of used, sent, stored and
    curtailed.
    """

    node: str
    productionDevice: NotRequired[str | None]
    loadMicrowattHours: NotRequired[int | None]
    harvestMicrowattHours: NotRequired[int | None]
    harvestUsedMicrowattHours: NotRequired[int | None]
    harvestSentMicrowattHours: NotRequired[int | None]
    harvestStoredMicrowattHours: NotRequired[int | None]
    harvestCurtailedMicrowattHours: NotRequired[int | None]
    receivedMicrowattHours: NotRequired[int | None]
    chargedMicrowattHours: NotRequired[int | None]
    dischargedMicrowattHours: NotRequired[int | None]
    batterySentMicrowattHours: NotRequired[int | None]
    gridMicrowattHours: NotRequired[int | None]
    intensityMilligramsPerKilowattHour: NotRequired[int | None]
    locationBasedMicrogramsCO2e: NotRequired[int | None]
    marketBasedMicrogramsCO2e: NotRequired[int | None]
    baselineMicrogramsCO2e: NotRequired[int | None]
    closingErrorPartsPerMillion: NotRequired[int | None]
    reason: NotRequired[str | None]
    message: NotRequired[str | None]


EnergyPlanStatusSettlementTransferKind = Literal["Physical", "Contractual"]


class EnergyPlanStatusSettlementTransfer(TypedDict):
    """`status.settlement.transfers[]`: transfers as settled after the period."""

    pool: str
    kind: NotRequired[EnergyPlanStatusSettlementTransferKind | None]
    fromNode: str
    toNode: str
    sentMicrowattHours: int
    receivedMicrowattHours: NotRequired[int | None]


EnergyPlanStatusSettlement = TypedDict(
    "EnergyPlanStatusSettlement",
    {
        "time": NotRequired[str | None],
        "from": NotRequired[str | None],
        "until": NotRequired[str | None],
        "method": NotRequired[str | None],
        "closingErrorPartsPerMillion": NotRequired[int | None],
        "totals": NotRequired[EnergyPlanStatusSettlementTotals | None],
        "seal": NotRequired[EnergyPlanStatusSettlementSeal | None],
        "omitted": NotRequired[list[EnergyPlanStatusSettlementOmittedItem] | None],
        "nodes": NotRequired[list[EnergyPlanStatusSettlementNode] | None],
        "transfers": NotRequired[list[EnergyPlanStatusSettlementTransfer] | None],
    },
)
"""`status.settlement`: settlement is the metered result after the end of the period."""


class EnergyPlanStatus(TypedDict):
    """`status`: status is the plan and its settlement."""

    observedGeneration: NotRequired[int | None]
    operatorVersion: NotRequired[str | None]
    inputs: NotRequired[EnergyPlanStatusInputs | None]
    solution: NotRequired[EnergyPlanStatusSolution | None]
    emissions: NotRequired[EnergyPlanStatusEmissions | None]
    decisions: NotRequired[list[EnergyPlanStatusDecision] | None]
    dropped: NotRequired[list[EnergyPlanStatusDroppedItem] | None]
    assignments: NotRequired[list[EnergyPlanStatusAssignment] | None]
    transfers: NotRequired[list[EnergyPlanStatusTransfer] | None]
    sleeps: NotRequired[list[EnergyPlanStatusSleep] | None]
    omitted: NotRequired[list[EnergyPlanStatusOmittedItem] | None]
    prices: NotRequired[EnergyPlanStatusPrices | None]
    settlement: NotRequired[EnergyPlanStatusSettlement | None]
    conditions: NotRequired[list[StatusCondition] | None]


class EnergyPlan(TypedDict):
    """EnergyPlan is the record of one planning period."""

    apiVersion: str
    kind: str
    metadata: ObjectMeta
    spec: EnergyPlanSpec
    status: NotRequired[EnergyPlanStatus]


EnergyPolicySpecMode = Literal["DryRun", "Active"]


EnergyPolicySpecSleepOn = Literal["Measured", "Estimated"]


EnergyPolicySpecPoolKind = Literal["Physical", "Contractual"]


class EnergyPolicySpecPool(TypedDict):
    """`spec.pools[]`: pools are the groups of nodes that share energy. Default none."""

    name: str
    kind: EnergyPolicySpecPoolKind
    site: NotRequired[str]
    members: NotRequired[list[str]]
    efficiencyPercent: int


class EnergyPolicySpecEvictNamespaces(TypedDict):
    """`spec.evictNamespaces`: evictNamespaces are further namespaces whose pods may be evicted before a power-off;
    no TrainingJob is planned there. The operator counts on an eviction only where it also has the right, which the
    chart's value of the same name grants. Default none.
    """

    names: NotRequired[list[str]]
    matchLabels: NotRequired[dict[str, str]]
    allBut: NotRequired[list[str]]


EnergyPolicySpecLocalDataEmptyDir = Literal["Keep", "Delete"]


class EnergyPolicySpecLocalData(TypedDict):
    """`spec.localData`: localData is what happens to files that a pod keeps on its node when the pod must leave."""

    emptyDir: EnergyPolicySpecLocalDataEmptyDir


class EnergyPolicySpecLimit(TypedDict):
    """`spec.limits[]`: limits of what one namespace may use, so that none crowds out the others. Each namespace of
    an entry has the entry's values to itself. Default none.
    """

    namespaces: list[str]
    jobs: NotRequired[int]
    shards: NotRequired[int]
    awakeNodeHoursPerDay: NotRequired[int]
    pins: NotRequired[int]


class EnergyPolicySpecBudgets(TypedDict):
    """`spec.budgets`: budgets limit how much the operator changes at once."""

    nodesInTransition: int
    minimumAwakeNodes: int
    maximumAsleepNodes: NotRequired[int]
    unhealthyZoneThresholdPercent: NotRequired[int]
    drainTimeoutSeconds: int
    shutdownTimeoutSeconds: int
    powerOffTimeoutSeconds: int
    bootTimeoutSeconds: int
    wakeIntervalSeconds: int
    wakeRetrySeconds: list[int]
    dwellSeconds: int
    warmUpSeconds: int


class EnergyPolicySpecStalenessLimits(TypedDict):
    """`spec.stalenessLimits`: stalenessLimits limit the age of the data that a decision may use."""

    sensorsSeconds: int
    intensitySeconds: int
    clockSkewSeconds: int


class EnergyPolicySpecSolver(TypedDict):
    """`spec.solver`: solver limits the search for a plan."""

    timeLimitSeconds: int


class EnergyPolicySpec(TypedDict):
    """`spec`: spec is the desired state, set by the administrator; the operator never changes it."""

    mode: EnergyPolicySpecMode
    planningPeriodSeconds: int
    horizonPeriods: int
    keepPlans: int
    shareEnergy: bool
    offloadTasks: bool
    sleep: bool
    shiftInTime: bool
    includeEmbodied: bool
    minimumGainPercent: int
    intensitySource: str
    sleepOn: EnergyPolicySpecSleepOn
    pools: list[EnergyPolicySpecPool]
    namespaces: list[str]
    evictNamespaces: NotRequired[EnergyPolicySpecEvictNamespaces]
    localData: EnergyPolicySpecLocalData
    limits: list[EnergyPolicySpecLimit]
    budgets: EnergyPolicySpecBudgets
    stalenessLimits: EnergyPolicySpecStalenessLimits
    solver: EnergyPolicySpecSolver


class EnergyPolicyStatusNodes(TypedDict):
    """`status.nodes`: nodes counts the EnergyNodes by state."""

    total: NotRequired[int | None]
    awake: NotRequired[int | None]
    asleep: NotRequired[int | None]
    inTransition: NotRequired[int | None]
    degraded: NotRequired[int | None]
    unmanaged: NotRequired[int | None]


class EnergyPolicyStatusHold(TypedDict):
    """`status.hold`: hold states whether and why no node is put to sleep at present."""

    active: NotRequired[bool | None]
    reason: NotRequired[str | None]
    message: NotRequired[str | None]
    since: NotRequired[str | None]


EnergyPolicyStatusSleepLimitFrom = Literal["Default", "NodeArgs", "StaticPod", "Policy"]


EnergyPolicyStatusSleepLimit = TypedDict(
    "EnergyPolicyStatusSleepLimit",
    {
        "nodes": NotRequired[int | None],
        "from": NotRequired[EnergyPolicyStatusSleepLimitFrom | None],
    },
)
"""`status.sleepLimit`: sleepLimit is how many nodes may be asleep or not ready before Kubernetes stops healing."""


class EnergyPolicyStatusPin(TypedDict):
    """`status.pins[]`: pins are the nodes that pods and jobs of each namespace keep awake, and what that costs."""

    namespace: str
    nodes: int
    milligramsCO2ePerHour: NotRequired[int | None]


class EnergyPolicyStatusUsageItemHour(TypedDict):
    """`status.usage[].hours[]`: hours of the last day in which nodes were awake because of it."""

    start: str
    awakeNodeSeconds: int


class EnergyPolicyStatusUsageItem(TypedDict):
    """`status.usage[]`: usage is how long nodes were awake because of each namespace, by the hour."""

    namespace: str
    hours: list[EnergyPolicyStatusUsageItemHour]


class EnergyPolicyStatus(TypedDict):
    """`status`: status is written by the operator only."""

    observedGeneration: NotRequired[int | None]
    currentPlan: NotRequired[str | None]
    lastPlanTime: NotRequired[str | None]
    nextPlanTime: NotRequired[str | None]
    operatorVersion: NotRequired[str | None]
    nodes: NotRequired[EnergyPolicyStatusNodes | None]
    hold: NotRequired[EnergyPolicyStatusHold | None]
    sleepLimit: NotRequired[EnergyPolicyStatusSleepLimit | None]
    pins: NotRequired[list[EnergyPolicyStatusPin] | None]
    usage: NotRequired[list[EnergyPolicyStatusUsageItem] | None]
    lastWakeTime: NotRequired[str | None]
    conditions: NotRequired[list[StatusCondition] | None]


class EnergyPolicy(TypedDict):
    """EnergyPolicy defines what the operator may do in the cluster."""

    apiVersion: str
    kind: str
    metadata: ObjectMeta
    spec: EnergyPolicySpec
    status: NotRequired[EnergyPolicyStatus]


TrainingJobSpecRuntimeFlowerModel = Literal["mnist-softmax", "mnist-mlp", "mnist-cnn"]


TrainingJobSpecRuntimeFlowerAppGranularity = Literal["Shard", "Pieces"]


TrainingJobSpecRuntimeFlowerAppMetricSource = Literal["Evaluate", "Train", "Server"]


class TrainingJobSpecRuntimeFlowerAppMetric(TypedDict):
    """`spec.runtime.flower.app.metric`: metric of the app that is the job's accuracy. Default none (the accuracy is
    not known, and a target is never reached).
    """

    name: str
    scale: int
    source: TrainingJobSpecRuntimeFlowerAppMetricSource


class TrainingJobSpecRuntimeFlowerApp(TypedDict):
    """`spec.runtime.flower.app`: app is a Flower app in the image, which runs unchanged. As a text, app is the
    former name of model. Example {"path": "/app"}.
    """

    path: str
    runConfig: NotRequired[dict[str, str]]
    granularity: TrainingJobSpecRuntimeFlowerAppGranularity
    piecesPerShard: int
    metric: NotRequired[TrainingJobSpecRuntimeFlowerAppMetric]
    weightKey: str


class TrainingJobSpecRuntimeFlower(TypedDict):
    """`spec.runtime.flower`: flower runs the bundled federated runtime."""

    image: str
    model: NotRequired[TrainingJobSpecRuntimeFlowerModel]
    app: NotRequired[str | TrainingJobSpecRuntimeFlowerApp]
    arguments: NotRequired[dict[str, str]]


class TrainingJobSpecRuntimeGenericTemplateSpecContainerEnvItem(TypedDict):
    """`spec.runtime.generic.template.spec.containers[].env[]`: env are further variables, beside those of
    spec.pod.env.
    """

    name: str
    value: str


class TrainingJobSpecRuntimeGenericTemplateSpecContainerResources(TypedDict):
    """`spec.runtime.generic.template.spec.containers[].resources`: resources of the container. Default those of
    spec.pod.resources.
    """

    requests: NotRequired[dict[str, str]]
    limits: NotRequired[dict[str, str]]


class TrainingJobSpecRuntimeGenericTemplateSpecContainer(TypedDict):
    """`spec.runtime.generic.template.spec.containers[]`: containers of coordinator and workers. SUNWARD_ROLE is
    coordinator or worker.
    """

    name: str
    image: str
    command: NotRequired[list[str]]
    args: NotRequired[list[str]]
    workingDir: NotRequired[str]
    env: NotRequired[list[TrainingJobSpecRuntimeGenericTemplateSpecContainerEnvItem]]
    resources: NotRequired[TrainingJobSpecRuntimeGenericTemplateSpecContainerResources]


class TrainingJobSpecRuntimeGenericTemplateSpec(TypedDict):
    """`spec.runtime.generic.template.spec`: spec of the pods, as in Kubernetes, with the fields below."""

    containers: list[TrainingJobSpecRuntimeGenericTemplateSpecContainer]


class TrainingJobSpecRuntimeGenericTemplate(TypedDict):
    """`spec.runtime.generic.template`: template of every pod of the job. Placement, account, security context,
    network and volumes are set by Sunward.
    """

    spec: TrainingJobSpecRuntimeGenericTemplateSpec


class TrainingJobSpecRuntimeGeneric(TypedDict):
    """`spec.runtime.generic`: generic runs any program, for coordinator and workers, that reads the assignment
    file; its coordinator serves /progress.
    """

    template: TrainingJobSpecRuntimeGenericTemplate


class TrainingJobSpecRuntime(TypedDict):
    """`spec.runtime`: runtime defines the training program, flower or generic."""

    flower: NotRequired[TrainingJobSpecRuntimeFlower]
    generic: NotRequired[TrainingJobSpecRuntimeGeneric]


class TrainingJobSpecShardVolume(TypedDict):
    """`spec.shards[].volume`: volume on the home node that contains the shard's data. The worker there mounts it
    for reading only. Default none (the bundled trainer then cuts the shard from a data set in its image).
    """

    claim: NotRequired[str]
    dataVolume: NotRequired[str]


class TrainingJobSpecShard(TypedDict):
    """`spec.shards[]`: shards are the parts of the data; each is a federated client wherever its batches run."""

    name: str
    node: str
    samples: int
    sizeMebibytes: int
    volume: NotRequired[TrainingJobSpecShardVolume]


TrainingJobSpecDataMobility = Literal["Never", "SameSite", "Anywhere"]


TrainingJobSpecUpdatesRule = Literal["Gate", "Median", "TrimmedMean", "MultiKrum"]


class TrainingJobSpecUpdates(TypedDict):
    """`spec.updates`: updates defines how the bundled trainer combines the workers' updates into the next model. An
    update that does not match its order (batches, shape, finite numbers) is refused under every rule.
    """

    rule: TrainingJobSpecUpdatesRule
    maximumNormFactor: int


class TrainingJobSpecPodResources(TypedDict):
    """`spec.pod.resources`: resources of each pod."""

    requests: NotRequired[dict[str, str]]
    limits: NotRequired[dict[str, str]]


class TrainingJobSpecPodImagePullSecret(TypedDict):
    """`spec.pod.imagePullSecrets[]`: imagePullSecrets are Secrets of the job's namespace that pull the image."""

    name: str


class TrainingJobSpecPodEnvItem(TypedDict):
    """`spec.pod.env[]`: env are environment variables of each pod."""

    name: str
    value: str


TrainingJobSpecPodVolumePods = Literal["Coordinator", "Workers", "All"]


class TrainingJobSpecPodVolume(TypedDict):
    """`spec.pod.volumes[]`: volumes beside those of the shards. A claim at /var/lib/sunward/state in the
    coordinator keeps its checkpoints when its pod moves.
    """

    name: str
    claim: str
    mountPath: str
    readOnly: bool
    pods: TrainingJobSpecPodVolumePods


class TrainingJobSpecPod(TypedDict):
    """`spec.pod`: pod is what coordinator and workers need of Kubernetes."""

    command: NotRequired[list[str]]
    resources: NotRequired[TrainingJobSpecPodResources]
    scratchMebibytes: int
    imagePullSecrets: NotRequired[list[TrainingJobSpecPodImagePullSecret]]
    env: NotRequired[list[TrainingJobSpecPodEnvItem]]
    volumes: NotRequired[list[TrainingJobSpecPodVolume]]


TrainingJobSpecDisruption = Literal["AtRoundBoundary", "Never"]


class TrainingJobSpecCost(TypedDict):
    """`spec.cost`: cost of the work, if it is known. Default learned from metered rounds, starting from the nodes'
    power figures.
    """

    milliwattHoursPerThousandBatches: int
    millisecondsPerBatch: int


class TrainingJobSpec(TypedDict):
    """`spec`: spec is the desired state; the operator never changes it."""

    runtime: TrainingJobSpecRuntime
    rounds: int
    stepsPerRound: int
    batchSize: int
    targetAccuracyPercent: NotRequired[int]
    targetAccuracyPartsPerMillion: NotRequired[int]
    shards: list[TrainingJobSpecShard]
    dataMobility: TrainingJobSpecDataMobility
    maximumOffloadPercent: int
    minimumWorkers: int
    updates: TrainingJobSpecUpdates
    pod: NotRequired[TrainingJobSpecPod]
    deadline: NotRequired[str]
    emissionsBudgetMilligramsCO2e: NotRequired[int]
    priority: int
    suspend: bool
    disruption: TrainingJobSpecDisruption
    cost: NotRequired[TrainingJobSpecCost]


class TrainingJobStatusCoordinator(TypedDict):
    """`status.coordinator`: coordinator is the pod that runs the rounds."""

    node: NotRequired[str | None]
    pod: NotRequired[str | None]


class TrainingJobStatusLastCheckpoint(TypedDict):
    """`status.lastCheckpoint`: lastCheckpoint is the newest saved state."""

    round: NotRequired[int | None]
    time: NotRequired[str | None]


class TrainingJobStatusAssignment(TypedDict):
    """`status.assignments[]`: assignments in force."""

    shard: str
    fromNode: NotRequired[str | None]
    node: str
    batches: int


TrainingJobStatusStageName = Literal["Preparation", "Development", "Application", "Recycling"]


class TrainingJobStatusStage(TypedDict):
    """`status.stages[]`: stages split energy and emissions over the life cycle of the model. Preparation is
    everything before the first round, Development everything after; the operator serves and adapts no model, so
    Application and Recycling stay zero.
    """

    name: TrainingJobStatusStageName
    energyMicrowattHours: NotRequired[int | None]
    emissionsMicrogramsCO2e: NotRequired[int | None]


class TrainingJobStatusLearnedCost(TypedDict):
    """`status.learnedCosts[]`: learnedCosts per node from metered rounds."""

    node: str
    microwattHoursPerBatch: NotRequired[int | None]
    microsecondsPerBatch: NotRequired[int | None]
    observations: NotRequired[int | None]


class TrainingJobStatus(TypedDict):
    """`status`: status is written by the operator only."""

    observedGeneration: NotRequired[int | None]
    round: NotRequired[int | None]
    accuracyPercent: NotRequired[int | None]
    accuracyPartsPerMillion: NotRequired[int | None]
    workers: NotRequired[int | None]
    readyWorkers: NotRequired[int | None]
    selector: NotRequired[str | None]
    plan: NotRequired[str | None]
    dataSet: NotRequired[str | None]
    startTime: NotRequired[str | None]
    accountedUntil: NotRequired[str | None]
    unaccountedPeriods: NotRequired[int | None]
    completionTime: NotRequired[str | None]
    estimatedCompletionTime: NotRequired[str | None]
    coordinator: NotRequired[TrainingJobStatusCoordinator | None]
    lastCheckpoint: NotRequired[TrainingJobStatusLastCheckpoint | None]
    assignments: NotRequired[list[TrainingJobStatusAssignment] | None]
    pinnedNodes: NotRequired[list[str] | None]
    batchesDone: NotRequired[int | None]
    refusedUpdates: NotRequired[int | None]
    energyMicrowattHours: NotRequired[int | None]
    emissionsMicrogramsCO2e: NotRequired[int | None]
    baselineEmissionsMicrogramsCO2e: NotRequired[int | None]
    avoidedEmissionsMicrogramsCO2e: NotRequired[int | None]
    embodiedMicrogramsCO2e: NotRequired[int | None]
    stages: NotRequired[list[TrainingJobStatusStage] | None]
    learnedCosts: NotRequired[list[TrainingJobStatusLearnedCost] | None]
    conditions: NotRequired[list[StatusCondition] | None]


class TrainingJob(TypedDict):
    """TrainingJob is one federated training whose batches may move to cleaner nodes."""

    apiVersion: str
    kind: str
    metadata: ObjectMeta
    spec: TrainingJobSpec
    status: NotRequired[TrainingJobStatus]
