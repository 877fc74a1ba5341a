// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {ERC20} from "@openzeppelin/contracts-shanghai/token/ERC20/ERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts-shanghai/token/ERC20/extensions/ERC20Permit.sol";
import {IERC165} from "@openzeppelin/contracts-shanghai/utils/introspection/IERC165.sol";
import {ILegacyMintableERC20, IOptimismMintableERC20} from "./IOptimismMintableERC20.sol";

/// The image, on one chain, of an ERC-20 token at home on the other. Only the bridge mints and burns
/// it, against tokens that it keeps there.
contract OptimismMintableERC20 is ERC20Permit, IOptimismMintableERC20, ILegacyMintableERC20 {
    string public constant version = "1.4.0+varve.1";

    address public immutable REMOTE_TOKEN;
    address public immutable BRIDGE;
    uint8 private immutable DECIMALS;

    event Mint(address indexed account, uint256 amount);
    event Burn(address indexed account, uint256 amount);

    modifier onlyBridge() {
        require(msg.sender == BRIDGE, "OptimismMintableERC20: only bridge can mint and burn");
        _;
    }

    constructor(address _bridge, address _remoteToken, string memory _name, string memory _symbol, uint8 _decimals)
        ERC20(_name, _symbol)
        ERC20Permit(_name)
    {
        REMOTE_TOKEN = _remoteToken;
        BRIDGE = _bridge;
        DECIMALS = _decimals;
    }

    function mint(address _to, uint256 _amount)
        external
        override(IOptimismMintableERC20, ILegacyMintableERC20)
        onlyBridge
    {
        _mint(_to, _amount);
        emit Mint(_to, _amount);
    }

    /// Without an allowance: the bridge burns what its own caller holds, never another's.
    function burn(address _from, uint256 _amount)
        external
        override(IOptimismMintableERC20, ILegacyMintableERC20)
        onlyBridge
    {
        _burn(_from, _amount);
        emit Burn(_from, _amount);
    }

    function supportsInterface(bytes4 _interfaceId) external pure returns (bool) {
        return _interfaceId == type(IERC165).interfaceId || _interfaceId == type(ILegacyMintableERC20).interfaceId
            || _interfaceId == type(IOptimismMintableERC20).interfaceId;
    }

    function decimals() public view override returns (uint8) {
        return DECIMALS;
    }

    function remoteToken() external view returns (address) {
        return REMOTE_TOKEN;
    }

    function bridge() external view returns (address) {
        return BRIDGE;
    }

    function l1Token() external view returns (address) {
        return REMOTE_TOKEN;
    }

    function l2Bridge() external view returns (address) {
        return BRIDGE;
    }
}
